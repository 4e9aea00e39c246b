/** The parts of the documentation that are generated from declarations. */
import { type MetricDeclaration, metricDeclarations } from '../src/ops/metric-declarations.ts';
import { Metrics } from '../src/ops/metrics.ts';
import { optionRows } from '../src/ops/option-table.ts';
import { markdownTable } from './markdown-table.ts';

/** The table of `docs/configuration.md`. */
export function optionReference(): string {
  const rows = optionRows.map(([, row]) => [
    `\`${row.flag}\``,
    `\`${row.env}\``,
    row.default === undefined ? (row.defaultNote ?? '') : `\`${row.default}\``,
    `${row.help} ${row.placeholder.startsWith('<') ? '' : `One of \`${row.placeholder.split('|').join('`, `')}\`.`}`.trim(),
  ]);
  return markdownTable(['flag', 'environment', 'default', 'meaning'], rows);
}

/** The tables of `docs/metrics.md`. */
export function metricReference(): string {
  const all: readonly MetricDeclaration[] = Object.values(metricDeclarations);
  const isOurs = ({ name }: MetricDeclaration) => name.startsWith('webhook_operator_');
  const defaults = new Metrics({ version: '' }).defaultMetricNames();
  return `## Deliveries and the operator

${metricTable(all.filter(isOurs))}
## Controllers and the API server

Names, labels and buckets are those of controller-runtime and client-go, so that existing dashboards work.

${metricTable(all.filter((declaration) => !isOurs(declaration)))}
## The process

${defaults.map((name) => `\`${name}\``).join(', ')}.
`;
}

function metricTable(declarations: readonly MetricDeclaration[]): string {
  const rows = declarations.map(({ name, type, labels, help }) => [
    `\`${name}\``,
    type,
    labels.map((label) => `\`${label}\``).join(', '),
    help.replaceAll('<', '&lt;'),
  ]);
  return markdownTable(['metric', 'type', 'labels', 'meaning'], rows);
}
