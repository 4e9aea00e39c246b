import { expect, test } from 'vitest';
import { cpuMicros, memoryUse, parseStat } from './machine.ts';
import { payloadAt, payloadBytes, stampOf } from './payload.ts';

test('CPU time is read behind the name of the program, whatever that holds', () => {
  expect(parseStat('42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 700 55 0 0 20 0 1 0 9 9 9')).toBe(755);
});

test('CPU time and memory of this process are told, and a process that is gone used nothing', () => {
  expect(cpuMicros(process.pid)).toBeGreaterThan(0);
  const { residentBytes, peakBytes } = memoryUse(process.pid);
  expect(residentBytes).toBeGreaterThan(1_000_000);
  expect(peakBytes).toBeGreaterThanOrEqual(residentBytes);
  expect(cpuMicros(2 ** 30)).toBe(0);
});

test('a payload is JSON of 1 KiB that carries its time', () => {
  const payload = payloadAt(123_456_789);
  expect(payload.length).toBe(payloadBytes);
  expect(JSON.parse(payload.toString())).toMatchObject({ t: '0000000123456789' });
  expect(stampOf(Buffer.concat([Buffer.from('head'), payload]), 4)).toBe(123_456_789);
});
