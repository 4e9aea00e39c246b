import { parse } from 'yaml';
import { markdownTable } from './markdown-table.ts';

interface ChartValue {
  readonly path: string;
  readonly text: string;
  readonly default: unknown;
}

/** Every value with a `# -- ` comment above it, in the order of the file. */
export function documentedValues(valuesFile: string): ChartValue[] {
  const values: ChartValue[] = [];
  const defaults: unknown = parse(valuesFile);
  const keys: string[] = [];
  let comment: string | undefined;
  for (const line of valuesFile.split('\n')) {
    const text = /^ *# -- (.+)$/.exec(line)?.[1];
    const [, indent, key] = /^( *)([A-Za-z][A-Za-z0-9]*):/.exec(line) ?? [];
    if (indent !== undefined && key !== undefined) {
      keys.splice(indent.length / 2, Infinity, key);
      if (comment !== undefined) values.push({ path: keys.join('.'), text: comment, default: valueAt(defaults, keys) });
    }
    comment = text;
  }
  return values;
}

function valueAt(values: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], values);
}

/** `helm/webhook-operator/README.md`. */
export function chartReadme(valuesFile: string): string {
  const rows = documentedValues(valuesFile).map(({ path, text, default: value }) => [
    `\`${path}\``,
    `\`${JSON.stringify(value)}\``,
    text,
  ]);
  return `# Chart webhook-operator

Generated from \`values.yaml\` by \`npm run generate\`. Do not edit.

\`\`\`sh notest
helm install webhook-operator helm/webhook-operator --namespace webhook-operator --create-namespace \\
  --set nats.url=nats://nats.nats.svc:4222
\`\`\`

It needs Kubernetes 1.30 or newer and a NATS server 2.14 or newer with JetStream.

## CRDs

Helm installs the CRDs of \`crds/\` before anything else and never touches them again. To upgrade them, one of:

\`\`\`sh notest
helm show crds helm/webhook-operator | kubectl apply --server-side --force-conflicts -f -
\`\`\`

or \`crds.manage: true\`, which makes them objects of the release; pass \`--take-ownership\` to Helm the first time. Unless \`crds.keep\`
is false, they stay when the release is uninstalled, and so do all Webhooks. The chart's classes go with
it: until it is installed again, their Webhooks say \`ClassNotFound\`, or what they said last when the operator was gone first.

## Values

${markdownTable(['value', 'default', 'what it does'], rows)}`;
}
