import { expect, test } from 'vitest';
import { progressTo, spoken } from './progress.ts';

function recorder(isTTY: boolean): { readonly texts: string[]; readonly isTTY: boolean; write(text: string): void } {
  const texts: string[] = [];
  return { texts, isTTY, write: (text) => texts.push(text) };
}

test('on a terminal the state replaces the one before, and a line stays', () => {
  const output = recorder(true);
  const progress = progressTo(output);
  progress.at('1 of 2');
  progress.at('2 of 2');
  progress.say('done');
  expect(output.texts).toEqual(['\r\u001B[K1 of 2', '\r\u001B[K2 of 2', '\r\u001B[Kdone\n']);
});

test('in a log the state is told at most every ten seconds', () => {
  const output = recorder(false);
  let now = 0;
  const progress = progressTo(output, () => now);
  for (; now <= 25_000; now += 1000) progress.at(`${now / 1000}`);
  expect(output.texts).toEqual(['10\n', '20\n']);
});

test.each([
  [400, '0s'],
  [42_000, '42s'],
  [59_600, '1m00s'],
  [185_000, '3m05s'],
])('%d ms are spoken as %s', (milliseconds, text) => {
  expect(spoken(milliseconds)).toBe(text);
});
