import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { fnv1a32, partitionOf, shardOf, slotOf } from './partition.ts';

describe('FNV-1a', () => {
  // Vectors of draft-eastlake-fnv.
  test.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
  ])('of "%s" is the published value', (text, expected) => {
    expect(fnv1a32(text)).toBe(expected);
  });

  test('hashes UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        let expected = 0x811c9dc5n;
        for (const byte of Buffer.from(text, 'utf8')) expected = ((expected ^ BigInt(byte)) * 0x01000193n) % 2n ** 32n;
        expect(fnv1a32(text)).toBe(Number(expected));
      }),
    );
  });
});

test('a source that the server put into partition 9 of 16 is there for us too', () => {
  // `events.9.shop.order.created`, stored by nats-server 2.15.2.
  expect(partitionOf('shop', 16)).toBe(9);
});

test('partition and shard lie within their numbers', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 1024 }), (text, count) => {
      for (const value of [partitionOf(text, count), shardOf(text, count)]) {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThan(count);
      }
    }),
  );
});

test('every pair of partition and shard has a slot of its own, without gaps', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 8 }), (partitions, shards) => {
      const slots = new Set<number>();
      for (let partition = 0; partition < partitions; partition += 1) {
        for (let shard = 0; shard < shards; shard += 1) slots.add(slotOf(partition, shard, shards));
      }
      expect(slots.size).toBe(partitions * shards);
      expect(Math.max(...slots)).toBe(partitions * shards - 1);
    }),
  );
});
