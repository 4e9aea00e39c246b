import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { longestAttemptMs } from './longest-attempt.ts';
import { nextAttempt } from './next-attempt.ts';
import { deliverySettings } from './settings.fixture.ts';

const now = 1_000_000;
const never = () => 0;

function settings(scheduleMs: readonly number[], jitterPercent = 0) {
  return deliverySettings({ retry: { scheduleMs, jitterPercent, retryAfterMaxMs: 3_600_000 } });
}

describe('the next attempt', () => {
  test.each([
    [1, 5000, 2],
    [2, 60_000, 3],
    [3, 300_000, 4],
  ])('after attempt %d waits as the schedule says', (attempt, delay, next) => {
    expect(nextAttempt(attempt, settings([5000, 60_000, 300_000]), undefined, never, now)).toEqual({
      kind: 'At',
      dueAt: now + delay,
      attempt: next,
    });
  });

  test.each([
    ['after the last one', 4, [5000, 60_000, 300_000]],
    ['with an empty schedule', 1, []],
    ['beyond a schedule that was shortened', 9, [5000]],
    ['after a number that no attempt has', 0, [5000]],
    ['after a number that is none', Number.NaN, [5000]],
  ])('does not exist %s', (_, attempt, schedule) => {
    expect(nextAttempt(attempt, settings(schedule), undefined, never, now)).toEqual({ kind: 'Exhausted' });
  });

  test('comes later when the receiver asks for it', () => {
    expect(nextAttempt(1, settings([5000]), 9000, never, now)).toMatchObject({ dueAt: now + 9000 });
  });

  test('does not come earlier when the receiver asks for less', () => {
    expect(nextAttempt(1, settings([5000]), 10, never, now)).toMatchObject({ dueAt: now + 5000 });
  });

  test('is spread by jitter, also after the time the receiver asks for', () => {
    expect(nextAttempt(1, settings([5000], 10), undefined, () => 0.5, now)).toMatchObject({ dueAt: now + 5250 });
    expect(nextAttempt(1, settings([5000], 10), 9000, () => 0.5, now)).toMatchObject({ dueAt: now + 9250 });
  });

  test('is due at whole milliseconds, not before schedule and Retry-After, nor after both with full jitter', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(86_400_000), { minLength: 1, maxLength: 8 }),
        fc.nat(100),
        fc.option(fc.nat(3_600_000), { nil: undefined }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (schedule, jitter, retryAfter, random) => {
          for (const [index, delay] of schedule.entries()) {
            const next = nextAttempt(index + 1, settings(schedule, jitter), retryAfter, () => random, now);
            if (next.kind !== 'At') throw new Error('a scheduled attempt is missing');
            const earliest = now + Math.max(delay, retryAfter ?? 0);
            expect(Number.isInteger(next.dueAt)).toBe(true);
            expect(next.dueAt).toBeGreaterThanOrEqual(earliest);
            expect(next.dueAt).toBeLessThanOrEqual(Math.ceil(earliest + (delay * jitter) / 100));
          }
        },
      ),
    );
  });
});

test('an attempt lasts as long as its total timeout at most', () => {
  expect(longestAttemptMs(deliverySettings({ timeouts: { connectMs: 5000, totalMs: 15_000 } }))).toBe(15_000);
});
