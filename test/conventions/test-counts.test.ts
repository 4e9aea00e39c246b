import { expect, test } from 'vitest';
import { countTests } from '../test-counts.ts';

function report(passed: number, failed: number, files: readonly (readonly string[])[] = []): string {
  return JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    testResults: files.map((tests) => ({
      status: tests.length === 0 || tests.includes('failed') ? 'failed' : 'passed',
      assertionResults: tests.map((status) => ({ status })),
    })),
  });
}

test('the tests of all runs are counted together', () => {
  expect(countTests([report(3, 0, [['passed']]), report(4, 1, [['passed', 'failed']])])).toEqual({
    passed: 7,
    failed: 1,
  });
});

test('a file that could not be loaded counts as one failure', () => {
  expect(countTests([report(3, 0, [['passed'], []])])).toEqual({ passed: 3, failed: 1 });
});

test('a run without a report counts as one failure', () => {
  expect(countTests([report(3, 0), undefined])).toEqual({ passed: 3, failed: 1 });
});
