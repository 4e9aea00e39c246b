import { expect, test } from 'vitest';
import { parseChaosArguments } from './options.ts';

test('without arguments, five minutes of two replicas on one NATS server, with a random seed', () => {
  expect(parseChaosArguments([])).toEqual({
    minutes: 5,
    seed: expect.any(Number),
    replicas: 2,
    r3: false,
    rate: 30,
  });
});

test('each can be given', () => {
  const args = ['--minutes', '0.5', '--seed', '7', '--replicas', '3', '--r3', '--rate', '100'];
  expect(parseChaosArguments(args)).toEqual({ minutes: 0.5, seed: 7, replicas: 3, r3: true, rate: 100 });
});

test.each([
  ['--minutes', '0'],
  ['--minutes', 'long'],
  ['--seed', '1.5'],
  ['--replicas', '0'],
  ['--rate', '-1'],
  ['--what'],
])('refuses %s %s', (...args) => {
  expect(() => parseChaosArguments(args)).toThrow();
});
