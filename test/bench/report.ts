/** Medians of what was measured, as Markdown. Pure. */
import { percent, table, whole } from './markdown.ts';
import type { Cell } from './cells.ts';
import type { Throughput } from './measure.ts';
import type { ProfileSummary } from './profile.ts';
import type { Latencies } from './receiver-process.ts';
import { median } from './statistics.ts';

export interface SideSamples {
  readonly throughput: readonly Throughput[];
  readonly latency: readonly Latencies[];
}

export interface CellResult {
  readonly cell: Cell;
  readonly appliedMs: number;
  readonly activeMs: number;
  readonly bare: SideSamples;
  readonly product: SideSamples;
  /** Deliveries that went through a backlog, and that were lost, in all measurements of the cell. */
  readonly held: number;
  readonly lost: number;
}

const micros = (samples: readonly Throughput[], name: string): number =>
  median(samples.map(({ cpuMicros }) => cpuMicros[name] ?? Number.NaN));
const rate = ({ throughput }: SideSamples): number =>
  median(throughput.map(({ deliveriesPerSecond }) => deliveriesPerSecond));
const one = (value: number): string => (Number.isNaN(value) ? '–' : value.toFixed(1));

export function throughputTable(results: readonly CellResult[]): string {
  return table(
    [
      'webhooks',
      'namespaces',
      'event goes to',
      'bare loop /s',
      'product /s',
      'product : bare',
      'lowest to highest',
      'held',
      'missing',
    ],
    results.map(({ cell, bare, product, held }) => {
      const rates = product.throughput.map(({ deliveriesPerSecond }) => deliveriesPerSecond);
      return [
        whole(cell.webhooks),
        whole(cell.namespaces),
        cell.fanOut ? 'all' : 'one',
        whole(rate(bare)),
        whole(rate(product)),
        percent(rate(product) / rate(bare)),
        `${whole(Math.min(...rates))} to ${whole(Math.max(...rates))}`,
        whole(held),
        whole([...bare.throughput, ...product.throughput].reduce((sum, { missing }) => sum + missing, 0)),
      ];
    }),
  );
}

export function cpuTable(results: readonly CellResult[]): string {
  const mebibytes = (bytes: number): string => whole(bytes / 1024 ** 2);
  return table(
    [
      'cell',
      'bare loop',
      'its NATS',
      'its receiver',
      'operator',
      'NATS',
      'receiver',
      'API server',
      'etcd',
      'operator RSS (peak), MiB',
    ],
    results.map(({ cell, bare, product }) => {
      const samples = product.throughput;
      const resident = median(samples.map(({ memory }) => memory.residentBytes));
      const peak = Math.max(...samples.map(({ memory }) => memory.peakBytes));
      return [
        cell.name,
        ...['self', 'NATS', 'receiver'].map((name) => one(micros(bare.throughput, name))),
        ...['self', 'NATS', 'receiver', 'API server', 'etcd'].map((name) => one(micros(samples, name))),
        `${mebibytes(resident)} (${mebibytes(peak)})`,
      ];
    }),
  );
}

export function latencyTable(results: readonly CellResult[]): string {
  const milliseconds = (samples: SideSamples, of: (latencies: Latencies) => number): string =>
    (median(samples.latency.map(of)) / 1000).toFixed(2);
  return table(
    ['webhooks', 'namespaces', 'bare loop p50', 'bare loop p99', 'product p50', 'product p99'],
    results
      .filter(({ product }) => product.latency.length > 0)
      .map(({ cell, bare, product }) => [
        whole(cell.webhooks),
        whole(cell.namespaces),
        milliseconds(bare, ({ p50Micros }) => p50Micros),
        milliseconds(bare, ({ p99Micros }) => p99Micros),
        milliseconds(product, ({ p50Micros }) => p50Micros),
        milliseconds(product, ({ p99Micros }) => p99Micros),
      ]),
  );
}

export function activationTable(results: readonly CellResult[]): string {
  return table(
    ['webhooks', 'namespaces', 'applied after, s', 'all Active after, s'],
    results.map(({ cell, appliedMs, activeMs }) => [
      whole(cell.webhooks),
      whole(cell.namespaces),
      one(appliedMs / 1000),
      one(activeMs / 1000),
    ]),
  );
}

export interface Target {
  readonly text: string;
  readonly measured: string;
  readonly met: boolean;
}

/** What the product is meant to reach, as far as the cells of this run can tell. */
export function targets(results: readonly CellResult[]): Target[] {
  const found: Target[] = [];
  const single = results.find(({ cell }) => cell.webhooks === 1 && !cell.fanOut);
  for (const { cell, bare, product, activeMs } of results) {
    const ratio = rate(product) / rate(bare);
    found.push({ text: `${cell.name}: at least 75 % of the bare loop`, measured: percent(ratio), met: ratio >= 0.75 });
    if (product.latency.length > 0) {
      const p99 = median(product.latency.map(({ p99Micros }) => p99Micros)) / 1000;
      found.push({ text: `${cell.name}: p99 at most 5 ms`, measured: `${p99.toFixed(2)} ms`, met: p99 <= 5 });
    }
    if (cell.webhooks !== 10_000 || cell.fanOut) continue;
    found.push({
      text: `${cell.name}: all Active within 120 s`,
      measured: `${one(activeMs / 1000)} s`,
      met: activeMs <= 120_000,
    });
    if (single === undefined) continue;
    const share = rate(product) / rate(single.product);
    found.push({ text: `${cell.name}: at least 80 % of 1 Webhook`, measured: percent(share), met: share >= 0.8 });
  }
  return found;
}

export function targetTable(results: readonly CellResult[]): string {
  return table(
    ['target', 'measured', 'met'],
    targets(results).map(({ text, measured, met }) => [text, measured, met ? 'yes' : '**no**']),
  );
}

export function profileTables({ files, functions, busyShare }: ProfileSummary): string {
  const rows = (times: ProfileSummary['files'], count: number): string[][] =>
    times.slice(0, count).map(({ name, share }) => [percent(share), `\`${name}\``]);
  return [
    `The main thread was busy for ${percent(busyShare)} of the time. Shares are of that.`,
    table(['self time', 'file'], rows(files, 25)),
    table(['self time', 'function'], rows(functions, 40)),
  ].join('\n\n');
}
