import { describe, expect, it } from 'vitest';
import { generatedFiles, readProjectFile } from '../../.ci/generated-files.ts';
import { documentedValues } from '../../.ci/chart-readme.ts';
import { metricDeclarations } from '../../src/ops/metric-declarations.ts';
import { optionRows } from '../../src/ops/option-table.ts';

describe('generated files', () => {
  it.each([...generatedFiles().keys()])('%s is what "npm run generate" writes', (path) => {
    expect(readProjectFile(path)).toBe(generatedFiles().get(path));
  });
});

describe('docs/configuration.md', () => {
  it('names no flag that does not exist', () => {
    const known = new Set<string>([...optionRows.map(([, { flag }]) => flag), '--help', '--version', '--flag']);
    const named = readProjectFile('docs/configuration.md').match(/--[a-z][a-z-]+/g) ?? [];
    expect(named.filter((flag) => !known.has(flag))).toEqual([]);
  });
});

describe('docs/metrics.md', () => {
  it('names every metric of ours and none that does not exist', () => {
    const page = readProjectFile('docs/metrics.md');
    const declared = new Set<string>(Object.values(metricDeclarations).map(({ name }) => name));
    const named = new Set(page.match(/\bwebhook_operator_[a-z_]+/g) ?? []);
    expect([...named].filter((name) => !declared.has(name))).toEqual([]);
    expect([...declared].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('documentedValues', () => {
  it('finds nested values with their defaults and skips what has no comment', () => {
    const text = [
      'a:',
      '  # -- Text of b.',
      '  b: 1',
      '  c:',
      '    # -- Text of d.',
      '    d: [x]',
      '# An ordinary comment.',
      'e: 2',
      '# -- Text of f.',
      'f:',
      '  g: 3',
    ].join('\n');
    expect(documentedValues(text)).toEqual([
      { path: 'a.b', text: 'Text of b.', default: 1 },
      { path: 'a.c.d', text: 'Text of d.', default: ['x'] },
      { path: 'f', text: 'Text of f.', default: { g: 3 } },
    ]);
  });
});
