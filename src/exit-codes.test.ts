import { expect, test } from 'vitest';
import { exitCodeOfError, exitCodeOfStop } from './exit-codes.ts';
import { KubeconfigError } from './kubernetes/credentials.ts';
import { ConfigurationError } from './ops/options.ts';

test('a stop ends with 0 only when it was clean', () => {
  expect(exitCodeOfStop(true)).toBe(0);
  expect(exitCodeOfStop(false)).toBe(1);
});

test('an error ends with 2 when only another configuration helps, else with 1', () => {
  expect(exitCodeOfError(new ConfigurationError(['--x']))).toBe(2);
  expect(exitCodeOfError(new KubeconfigError('no such file'))).toBe(2);
  expect(exitCodeOfError(new Error('oops'))).toBe(1);
  expect(exitCodeOfError('oops')).toBe(1);
});
