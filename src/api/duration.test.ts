import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidDurationError, durationBetween, formatDuration, parseDuration } from './duration.ts';

describe('parseDuration', () => {
  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['1.5s', 1500],
    ['1h30m', 5_400_000],
    ['1m1m', 120_000],
    ['10ms5s', 5010],
    ['0.001ms', 0],
    ['8760h', 31_536_000_000],
    ['99999h99999h99999h99999h', 4 * 99_999 * 3_600_000],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    '',
    '0',
    '5',
    's',
    '1d',
    '1 s',
    '-1s',
    '+1s',
    '.5s',
    '1.s',
    '1,5s',
    '1e3s',
    '1S',
    '1us',
    '1ns',
    '5s\n',
    '999999h',
    '1h1m1s1ms1h',
  ])('refuses %j', (text) => {
    expect(() => parseDuration(text)).toThrow(InvalidDurationError);
  });

  it('says what a duration looks like', () => {
    expect(() => parseDuration('1d')).toThrow('"1d" is not a duration: write one like 1h30m, 15s or 500ms');
  });

  it('gives back every whole number of milliseconds that formatDuration wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99_999 * 3_600_000 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });

  it('adds the parts up in any order', () => {
    const part = fc.tuple(fc.nat(99_999), fc.constantFrom('h', 'm', 's', 'ms'));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const texts = parts.map(([amount, unit]) => `${amount}${unit}`);
        expect(parseDuration(texts.join(''))).toBe(texts.map(parseDuration).reduce((sum, ms) => sum + ms, 0));
      }),
    );
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [1, '1ms'],
    [1500, '1s500ms'],
    [5_400_000, '1h30m'],
    [36_000_000 * 10, '100h'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('durationBetween', () => {
  const schema = durationBetween('timeouts.connect', '10ms', '1m');

  it('takes both bounds', () => {
    expect(schema.safeParse('10ms').success).toBe(true);
    expect(schema.safeParse('60s').success).toBe(true);
  });

  it.each(['9ms', '60001ms', '1d', '0s'])('refuses %s and names field and bounds', (text) => {
    expect(schema.safeParse(text).error?.issues[0]?.message).toBe(
      'timeouts.connect must be a duration like 1h30m, 15s or 500ms (no days) between 10ms and 1m',
    );
  });
});
