import { describe, expect, it } from 'vitest';
import { Backoff, exponentialDelay } from './backoff.ts';

describe('Backoff', () => {
  it('doubles the ceiling up to the cap', () => {
    const backoff = new Backoff({ baseMs: 800, capMs: 30_000, resetAfterMs: 120_000, random: () => 1 });
    const delays = Array.from({ length: 8 }, (_, index) => backoff.next(index));
    expect(delays).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  });

  it('draws each delay between 0 and the ceiling', () => {
    const backoff = new Backoff({ baseMs: 800, capMs: 30_000, resetAfterMs: 120_000, random: () => 0.25 });
    expect(backoff.next(0)).toBe(200);
    const real = new Backoff({ baseMs: 800, capMs: 30_000, resetAfterMs: 120_000 });
    expect(real.next(0)).toBeLessThan(800);
  });

  it('starts over when the last failure is long ago', () => {
    const backoff = new Backoff({ baseMs: 800, capMs: 30_000, resetAfterMs: 120_000, random: () => 1 });
    backoff.next(0);
    backoff.next(1000);
    expect(backoff.next(121_000)).toBe(3200);
    expect(backoff.next(241_001)).toBe(800);
  });

  it('stays at the cap for any number of failures', () => {
    expect(exponentialDelay(5000, 750, 900_000)).toBe(900_000);
  });
});
