import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { TokenBucket } from './token-bucket.ts';

function bucket(requests: number, perMs: number) {
  const time = { now: 1000 };
  return { time, limit: new TokenBucket({ requests, perMs }, () => time.now) };
}
function takeAll(limit: TokenBucket): number {
  let taken = 0;
  while (taken < 10_000 && limit.tryTake()) taken += 1;
  return taken;
}

describe('a rate limit', () => {
  test('lets as many through at once as it names', () => {
    expect(takeAll(bucket(5, 1000).limit)).toBe(5);
  });

  test('regains its tokens evenly', () => {
    const { time, limit } = bucket(4, 1000);
    takeAll(limit);
    time.now += 250;
    expect(takeAll(limit)).toBe(1);
    time.now += 500;
    expect(takeAll(limit)).toBe(2);
  });

  test('holds no more than it names after a long rest', () => {
    const { time, limit } = bucket(4, 1000);
    takeAll(limit);
    time.now += 1_000_000;
    expect(takeAll(limit)).toBe(4);
  });

  test('of one request a second spaces them by a second', () => {
    const { time, limit } = bucket(1, 1000);
    expect(limit.nextAt()).toBe(1000);
    expect(limit.tryTake()).toBe(true);
    expect(limit.nextAt()).toBe(2000);
    time.now = 1999;
    expect(limit.tryTake()).toBe(false);
    time.now = 2000;
    expect(limit.tryTake()).toBe(true);
  });

  test.each([
    [0, 1000],
    [10, 0],
  ])('of %d requests in %d ms is none', (requests, perMs) => {
    const { limit } = bucket(requests, perMs);
    expect(takeAll(limit)).toBe(10_000);
    expect(limit.nextAt()).toBe(1000);
  });
});

describe('a changed limit', () => {
  test('that is the same changes nothing', () => {
    const { limit } = bucket(3, 1000);
    takeAll(limit);
    limit.setLimit({ requests: 3, perMs: 1000 });
    expect(limit.tryTake()).toBe(false);
  });

  test('does not hand out what was used up', () => {
    const { time, limit } = bucket(3, 1000);
    takeAll(limit);
    limit.setLimit({ requests: 10, perMs: 1000 });
    expect(limit.tryTake()).toBe(false);
    time.now += 100;
    expect(takeAll(limit)).toBe(1);
  });

  test('keeps what is left, as far as it fits', () => {
    const lower = bucket(10, 1000).limit;
    expect(lower.tryTake()).toBe(true);
    lower.setLimit({ requests: 2, perMs: 1000 });
    expect(takeAll(lower)).toBe(2);

    const higher = bucket(10, 1000).limit;
    expect(higher.tryTake()).toBe(true);
    higher.setLimit({ requests: 100, perMs: 1000 });
    expect(takeAll(higher)).toBe(9);
  });

  test('with the same number over another span starts from what is left', () => {
    const { time, limit } = bucket(2, 1000);
    takeAll(limit);
    limit.setLimit({ requests: 2, perMs: 60_000 });
    time.now += 29_999;
    expect(limit.tryTake()).toBe(false);
    time.now += 1;
    expect(limit.tryTake()).toBe(true);
  });

  test('can set and lift the limit', () => {
    const { limit } = bucket(2, 1000);
    takeAll(limit);
    limit.setLimit({ requests: 0, perMs: 1000 });
    expect(takeAll(limit)).toBe(10_000);
    limit.setLimit({ requests: 3, perMs: 1000 });
    expect(takeAll(limit)).toBe(3);
  });
});

test('no span sees more than a full bucket and what it regains, and nextAt is exact', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.array(fc.nat(500), { maxLength: 100 }),
      (requests, perMs, pauses) => {
        const { time, limit } = bucket(requests, perMs);
        const taken: number[] = [];
        for (const pause of pauses) {
          time.now += pause;
          const next = limit.nextAt();
          const got = limit.tryTake();
          expect(got).toBe(next <= time.now);
          if (got) taken.push(time.now);
          else {
            time.now = next;
            expect(limit.tryTake()).toBe(true);
            taken.push(time.now);
          }
        }
        for (const [first, from] of taken.entries()) {
          for (let last = first; last < taken.length; last += 1) {
            const span = (taken[last] ?? from) - from;
            expect(last - first + 1).toBeLessThanOrEqual(requests * (1 + span / perMs) + 1e-6);
          }
        }
      },
    ),
  );
});
