import { expect, test } from 'vitest';
import { BenchOptionError, parseBenchOptions } from './options.ts';

test('without arguments everything is measured three times', () => {
  const options = parseBenchOptions([]);
  expect(options).toMatchObject({ runs: 3, events: 200_000, latencyRate: 1000, profile: false });
  expect(options?.cells.map(({ name }) => name)).toEqual([
    'one-namespace-1',
    'one-namespace-100',
    'one-namespace-1000',
    'one-namespace-10000',
    'many-namespaces-100',
    'many-namespaces-1000',
    'many-namespaces-10000',
    'fan-out-1000',
  ]);
});

test('single cells can be chosen, of other numbers of Webhooks too', () => {
  const options = parseBenchOptions([
    '--webhooks',
    '7',
    '--only',
    'many-namespaces-7',
    '--runs',
    '1',
    '--events',
    '5000',
  ]);
  expect(options).toMatchObject({ runs: 1, events: 5000, cells: [{ webhooks: 7, namespaces: 7 }] });
});

test('a profile is made of one cell', () => {
  expect(parseBenchOptions(['--profile'])?.cells).toHaveLength(1);
});

test('help is no measurement', () => {
  expect(parseBenchOptions(['--help'])).toBeUndefined();
});

test.each([
  [['--runs', '0']],
  [['--events', '1e5']],
  [['--webhooks', '1,,2']],
  [['--only', 'one-namespace-2']],
  [['--latency-seconds', '-1']],
  [['--what']],
])('%j is refused', (args) => {
  expect(() => parseBenchOptions(args)).toThrow(BenchOptionError);
});
