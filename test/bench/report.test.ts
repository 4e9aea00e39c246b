import { expect, test } from 'vitest';
import type { Throughput } from './measure.ts';
import { targets, throughputTable, type CellResult } from './report.ts';
import { median, percentile } from './statistics.ts';

function throughput(deliveriesPerSecond: number): Throughput {
  return {
    deliveriesPerSecond,
    cpuMicros: { self: 50 },
    memory: { residentBytes: 1, peakBytes: 2 },
    missing: 0,
    fromMicros: 0,
    untilMicros: 1,
  };
}

function result(webhooks: number, bare: readonly number[], product: readonly number[]): CellResult {
  return {
    cell: { name: `cell-${webhooks}`, webhooks, namespaces: 1, fanOut: false },
    appliedMs: 50_000,
    activeMs: 130_000,
    bare: { throughput: bare.map(throughput), latency: [{ p50Micros: 300, p99Micros: 900 }] },
    product: { throughput: product.map(throughput), latency: [{ p50Micros: 500, p99Micros: 5001 }] },
    held: 3,
    lost: 0,
  };
}

test('medians and their ratio are shown, with the spread of the product', () => {
  const rows = throughputTable([result(1, [20_000, 30_000, 25_000], [20_000, 19_000, 24_000])]).split('\n');
  expect(rows).toHaveLength(3);
  expect(rows[2]).toBe('| 1 | 1 | one | 25 000 | 20 000 | 80.0 % | 19 000 to 24 000 | 3 | 0 |');
});

test('targets are judged by medians', () => {
  const judged = targets([result(1, [20_000], [16_000]), result(10_000, [20_000], [12_000])]);
  expect(judged.map(({ text, met }) => [text, met])).toEqual([
    ['cell-1: at least 75 % of the bare loop', true],
    ['cell-1: p99 at most 5 ms', false],
    ['cell-10000: at least 75 % of the bare loop', false],
    ['cell-10000: p99 at most 5 ms', false],
    ['cell-10000: all Active within 120 s', false],
    ['cell-10000: at least 80 % of 1 Webhook', false],
  ]);
});

test('a median of an even number lies between, a percentile is one of the values', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
  expect(percentile([1, 2, 3, 4], 0.5)).toBe(2);
  expect(percentile([1, 2, 3, 4], 0.99)).toBe(4);
  expect(percentile([], 0.5)).toBeNaN();
});
