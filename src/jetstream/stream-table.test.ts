import { expect, test } from 'vitest';
import { defaultMaxAgeMs, defaultMaxBytes, streamTable, type StreamTableOptions } from './stream-table.ts';
import { defaultStreamNames as names } from './subjects.ts';

const options: StreamTableOptions = {
  names,
  replicas: 1,
  partitions: 16,
  shards: 1,
  maxBytes: defaultMaxBytes,
  maxAgeMs: defaultMaxAgeMs,
};

test('EVENTS reads from the streams that are declared as sources, under a source and type of ours', () => {
  const [events] = streamTable({
    ...options,
    sources: [{ stream: 'ORDERS', subject: 'orders.>', source: 'shop', type: 'order.>' }],
  });
  expect(events?.sources).toEqual([
    { name: 'ORDERS', subject_transforms: [{ src: 'orders.>', dest: 'events.shop.order.>' }] },
  ]);
});

test('EVENTS reads from no other stream by default', () => {
  expect(streamTable(options)[0]).toMatchObject({ name: names.events, sources: [] });
});
