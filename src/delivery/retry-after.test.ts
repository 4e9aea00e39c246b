import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parseRetryAfter } from './retry-after.ts';

const now = Date.UTC(2026, 10, 22, 3, 40, 0);
const hour = 3_600_000;

describe('Retry-After', () => {
  test.each([
    ['120', 120_000],
    [' 5 ', 5000],
    ['0', 0],
    ['007', 7000],
    ['999999', hour],
    ['9'.repeat(400), hour],
    ['Sun, 22 Nov 2026 03:41:00 GMT', 60_000],
    ['Sunday, 22-Nov-26 03:41:00 GMT', 60_000],
    ['Sun Nov 22 03:41:00 2026', 60_000],
    ['Tue Dec  1 00:00:00 2026', hour],
    ['Sun, 22 Nov 2026 03:39:60 GMT', 0],
    ['Sun, 22 Nov 2026 03:39:00 GMT', 0],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
    ['Friday, 01-Jan-76 00:00:00 GMT', hour],
    ['Saturday, 01-Jan-77 00:00:00 GMT', 0],
    ['Sat, 01 Jan 0050 00:00:00 GMT', 0],
  ])('"%s" waits %d ms', (value, expected) => {
    expect(parseRetryAfter(value, now, hour)).toBe(expected);
  });

  test.each([
    '',
    'soon',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    '120 s',
    '2026-11-22T03:41:00Z',
    'Sun, 31 Nov 2026 03:41:00 GMT',
    'Sun, 00 Nov 2026 03:41:00 GMT',
    'Sun, 22 Nov 2026 24:00:00 GMT',
    'Sun, 22 Nov 2026 03:60:00 GMT',
    'Sun, 22 Nov 2026 03:41:61 GMT',
    'Sun, 22 Nov 2026 03:41:00 CET',
    'sun, 22 nov 2026 03:41:00 gmt',
    'Foo, 22 Nov 2026 03:41:00 GMT',
    'Sun, 2 Nov 2026 03:41:00 GMT',
  ])('"%s" is no answer', (value) => {
    expect(parseRetryAfter(value, now, hour)).toBeUndefined();
  });

  test('is never negative nor over the cap, whatever is sent', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.nat().map(String)), fc.nat(hour), (value, cap) => {
        const wait = parseRetryAfter(value, now, cap) ?? 0;
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(cap);
      }),
    );
  });

  test('reads every date as it is written', () => {
    const date = fc.date({ min: new Date(now), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true });
    fc.assert(
      fc.property(date, (when) => {
        const expected = Math.floor(when.getTime() / 1000) * 1000 - now;
        expect(parseRetryAfter(when.toUTCString(), now, Number.MAX_SAFE_INTEGER)).toBe(Math.max(0, expected));
      }),
    );
  });
});
