import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { classConditionReasons, conditionReasons } from '../../src/api/conditions.ts';
import { eventReasons } from '../../src/api/event-reasons.ts';
import { annotations, labels } from '../../src/api/metadata.ts';
import { failureReasons } from '../../src/delivery/attempt.ts';
import { lossReasons } from '../../src/delivery/lane-services.ts';
import { operatorPermissions } from '../../src/jetstream/permissions.ts';
import { defaultStreamNames } from '../../src/jetstream/subjects.ts';
import { metricDeclarations } from '../../src/ops/metric-declarations.ts';
import { optionRows } from '../../src/ops/option-table.ts';
import { usage as benchUsage } from '../bench/options.ts';
import { usage as chaosUsage } from '../chaos/options.ts';
import { codeBlocks, pages, projectRoot, readPage, tableRows } from './markdown.ts';
import { readCRD, schemaPaths } from './schema-paths.ts';

// What a page names exists, and what exists is named. Codes of errors: test/conventions/errors.test.ts. Tables that are
// generated: generated-files.test.ts.

const texts = new Map(pages().map((page) => [page, readPage(page)]));
const all = [...texts.values()].join('\n');
/** What stands in backticks or in code blocks: names, not prose. */
const quoted = (text: string) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);

function section(text: string, heading: string): string {
  const start = text.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`no heading "${heading}"`);
  const level = /^#+/.exec(heading)?.[0] ?? '';
  const end = text.slice(start + 1 + heading.length).search(new RegExp(`\n#{1,${level.length}} `));
  return end < 0 ? text.slice(start) : text.slice(start, start + 1 + heading.length + end);
}

interface Reason {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
}

function reasonsOf(declared: object): Reason[] {
  return Object.entries(declared as Record<string, Record<string, object>>).flatMap(([type, statuses]) =>
    Object.entries(statuses).flatMap(([status, reasons]) =>
      Object.keys(reasons).map((reason) => ({ type, status, reason })),
    ),
  );
}

const flagPattern = /(?<![\w-])--[a-z][A-Za-z-]+/g;
const unquoted = (text: string) => text.replaceAll('`', '');

describe('docs/webhook.md', () => {
  const page = readPage('docs/webhook.md');

  test.each(Object.keys(conditionReasons))('has each reason of %s, and no other', (type) => {
    const rows = tableRows(section(page, `### \`${type}\``), ['status', 'reason', 'meaning']);
    const documented = rows.map(({ status, reason }) => ({ type, status, reason: unquoted(reason) }));
    expect(documented).toEqual(reasonsOf(conditionReasons).filter((each) => each.type === type));
  });

  test('shows a sample of each condition whose type, status and reason exist', () => {
    const known = reasonsOf(conditionReasons).map(({ type, status, reason }) => `${type} ${status} ${reason}`);
    for (const type of Object.keys(conditionReasons)) {
      const [sample] = codeBlocks('docs/webhook.md', section(page, `### \`${type}\``));
      const value = (name: string) => new RegExp(`^${name}: "?(\\w+)"?$`, 'm').exec(sample?.text ?? '')?.[1];
      expect(known).toContain(`${value('type')} ${value('status')} ${value('reason')}`);
      expect(value('type')).toBe(type);
    }
  });

  test('has each reason of an Event, with its type, and no other', () => {
    const rows = tableRows(section(page, '## Being told'), ['reason', 'type', 'meaning']);
    expect(rows.map(({ reason, type }) => [unquoted(reason), type])).toEqual(
      Object.entries(eventReasons).map(([reason, { type }]) => [reason, type]),
    );
  });
});

describe('docs/webhook-class.md', () => {
  test('has each reason of its condition, and no other', () => {
    const rows = tableRows(readPage('docs/webhook-class.md'), ['type', 'status', 'reason', 'meaning']);
    const documented = rows.map(({ type, status, reason }) => ({
      type: unquoted(type),
      status,
      reason: unquoted(reason),
    }));
    expect(documented).toEqual(reasonsOf(classConditionReasons));
  });
});

describe('docs/delivery.md', () => {
  const names = new Set(quoted(readPage('docs/delivery.md')));
  test.each([...failureReasons, ...lossReasons])('has the reason %s', (reason) => {
    expect(names).toContain(reason);
  });
});

describe('docs/metrics.md', () => {
  const names = new Set(quoted(readPage('docs/metrics.md')));
  test.each(lossReasons)('has the loss reason %s', (reason) => {
    expect(names).toContain(reason);
  });
});

describe('fields of the API', () => {
  const specs = [
    { page: 'docs/webhook.md', crd: 'webhooks', pages: ['docs/webhook.md', 'docs/webhook-class.md'] },
    { page: 'docs/webhook-class.md', crd: 'webhookclasses', pages: ['docs/webhook-class.md'] },
  ];
  test.each(specs)('each is on $page', ({ crd, pages }) => {
    const text = pages.map(readPage).join('\n');
    const words = new Set(quoted(text).flatMap((code) => code.split(/[^A-Za-z]+/)));
    const missing = schemaPaths(readCRD(crd)).filter((path) => !words.has(path.split('.').at(-1) ?? ''));
    // Those of conditions are Kubernetes' own.
    expect(missing.filter((path) => !path.startsWith('status.conditions.'))).toEqual([]);
  });

  test.each(specs)('each path that $page names exists', ({ page }) => {
    const known = [...new Set(specs.flatMap(({ crd }) => schemaPaths(readCRD(crd))))];
    const roots = new Set(known.flatMap((path) => (path.split('.').length > 2 ? [path.split('.')[1]] : [])));
    const paths = quoted(readPage(page)).flatMap((code) => {
      const path = /^((?:spec|status)\.)?([a-z]\w+)((?:\.[a-z]\w+)*)$/i.exec(code);
      if (path === null || (path[1] === undefined && (path[3] === '' || !roots.has(path[2])))) return [];
      return [code];
    });
    const isKnown = (path: string) => known.some((each) => each === path || each.endsWith(`.${path}`));
    expect(paths.filter((path) => !isKnown(path))).toEqual([]);
  });
});

describe('all pages', () => {
  test('name only metrics that exist', () => {
    const known = new Set<string>(Object.values(metricDeclarations).map(({ name }) => name));
    const named = all.match(/\bwebhook_operator_\w+/g) ?? [];
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  test('name only flags that exist, of the operator or of the tool that is run', () => {
    const known = new Set<string>([...optionRows.map(([, { flag }]) => flag), '--help', '--version', '--flag']);
    const others = new Set(
      (
        '--filename --for --timeout --type --patch --overwrite --field-selector --output --from-literal ' +
        '--namespace --create-namespace --set --source --id --count --project --testNamePattern --seed --runs --trace'
      )
        .split(' ')
        .concat([benchUsage, chaosUsage].flatMap((usage) => usage.match(flagPattern) ?? [])),
    );
    const named = all.match(flagPattern) ?? [];
    // `--nats-…` stands for all that begin so.
    const isKnown = (flag: string) =>
      known.has(flag) || others.has(flag) || (flag.endsWith('-') && [...known].some((each) => each.startsWith(flag)));
    expect(named.filter((flag) => !isKnown(flag))).toEqual([]);
  });

  test('name each environment variable of the operator on docs/configuration.md', () => {
    const page = readPage('docs/configuration.md');
    expect(optionRows.map(([, { env }]) => env).filter((env) => !page.includes(`\`${env}\``))).toEqual([]);
  });

  test('name only annotations and labels that exist', () => {
    const known = new Set<string>([...Object.values(annotations), ...Object.values(labels)]);
    const named: readonly string[] = all.match(/\bwebhook-operator\.dev\/[a-z-]+/g) ?? [];
    expect(named.filter((name) => !known.has(name) && !name.endsWith('/v'))).toEqual([]);
    expect([...known].filter((name) => !named.includes(name))).toEqual([]);
  });

  test('name each npm script, and no other', () => {
    const { scripts } = JSON.parse(readPage('package.json')) as { readonly scripts: Record<string, string> };
    const declared = Object.keys(scripts);
    const run = [...all.matchAll(/\bnpm run ([a-z:]+)/g)].map(([, name = '']) => name);
    expect(run.filter((name) => !declared.includes(name))).toEqual([]);
    const rows = tableRows(readPage('docs/development.md'), ['`npm run …`', 'what it does']);
    expect(rows.map((row) => unquoted(row['`npm run …`'])).toSorted()).toEqual(declared.toSorted());
  });

  test.each([...texts])('%s links only to what exists', (page, text) => {
    const prose = text.replaceAll(/^```.*?^```/gms, '');
    const broken = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].filter(([, target = '']) => {
      if (/^https?:/.test(target)) return false;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(projectRoot, file))) return true;
      return anchor !== undefined && !anchorsOf(readPage(file)).has(anchor);
    });
    expect(broken.map(([, target]) => target)).toEqual([]);
  });

  test('each is in the index', () => {
    const index = readPage('docs/README.md');
    const names = pages().map((page) => page.replace('docs/', ''));
    expect(names.filter((name) => name !== 'README.md' && !index.includes(`(${name}`))).toEqual([]);
  });
});

describe('docs/security.md', () => {
  test('lists the permissions in NATS that the operator has', () => {
    const { publish, subscribe } = operatorPermissions(defaultStreamNames, 'Manage');
    const listed = codeBlocks('docs/security.md', section(readPage('docs/security.md'), '## Permissions in NATS'));
    const lines = (subjects: readonly string[]) => subjects.map((subject) => `\n  ${subject}`).join('');
    expect(listed[0]?.text).toBe(`publish:${lines(publish)}\nsubscribe:${lines(subscribe)}`);
  });

  test('lists what the chart allows the operator in Kubernetes', () => {
    const rows = tableRows(readPage('docs/security.md'), ['resource', 'verbs', 'why']);
    const documented = rows.map(({ resource, verbs }) => `${/`([^`.]+)/.exec(resource)?.[1]}: ${verbs}`);
    const template = readPage('helm/webhook-operator/templates/rbac.yaml');
    const granted = [...template.matchAll(/resources: \[(.+)\]\n *verbs: \[(.+)\]/g)].map(
      ([, resource, verbs]) => `${resource}: ${verbs}`,
    );
    expect(new Set(documented)).toEqual(new Set(granted));
  });
});

/** As GitHub makes them of headings. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}
