import { expect, test } from 'vitest';
import { isAtLeast, minimumServerVersion } from './connection.ts';

test.for([
  ['2.14.0', true],
  ['2.14.0-RC.1', true],
  ['2.15.2', true],
  ['3.0.0', true],
  ['v2.14.3', true],
  ['2.13.9', false],
  ['2.9.99', false],
  ['1.99.0', false],
  ['dev', false],
] as const)('version %s is new enough: %s', ([version, expected]) => {
  expect(isAtLeast(version, minimumServerVersion)).toBe(expected);
});
