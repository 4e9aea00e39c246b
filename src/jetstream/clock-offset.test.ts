import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClockOffset } from './clock-offset.ts';

test('there is no offset before the first sample', () => {
  expect(new ClockOffset().value).toBe(0);
});

test('the sample with the shortest round trip counts, the newer one on a tie', () => {
  const offset = new ClockOffset();
  offset.add(1000, 1100, 6050);
  expect(offset.value).toBe(5000);
  offset.add(2000, 2010, 7105);
  expect(offset.value).toBe(5100);
  offset.add(3000, 3500, 99_999);
  expect(offset.value).toBe(5100);
  offset.add(4000, 4010, 9205);
  expect(offset.value).toBe(5200);
});

test('a clock that was set is followed although the old samples were better', () => {
  const offset = new ClockOffset();
  offset.add(0, 1, 0);
  for (let index = 0; index < 8; index += 1) offset.add(0, 10, 60_005);
  expect(offset.value).toBe(60_000);
});

test('samples that make no sense are ignored', () => {
  const offset = new ClockOffset();
  offset.add(10, 0, 5);
  offset.add(0, 10, Number.NaN);
  expect(offset.value).toBe(0);
});

test('the error is at most half of the shortest round trip', () => {
  const delays = fc.array(fc.tuple(fc.nat(500), fc.nat(500)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.integer({ min: -1e6, max: 1e6 }), delays, (truth, samples) => {
      const offset = new ClockOffset();
      let now = 1e9;
      for (const [there, back] of samples) {
        offset.add(now, now + there + back, now + there + truth);
        now += 1000;
      }
      const best = Math.min(...samples.map(([there, back]) => there + back));
      expect(Math.abs(offset.value - truth)).toBeLessThanOrEqual(best / 2 + 0.5);
    }),
  );
});
