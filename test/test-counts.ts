/** What vitest's JSON report says of a run. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
}

/**
 * Counts the tests of vitest's JSON reports. A file that could not even be loaded has no tests and counts as one failure; so
 * does a report that is not there (`undefined`), because then the run broke off.
 */
export function countTests(reports: readonly (string | undefined)[]): TestCounts {
  let passed = 0;
  let failed = 0;
  for (const text of reports) {
    if (text === undefined) {
      failed += 1;
      continue;
    }
    const report = JSON.parse(text) as Report;
    passed += report.numPassedTests;
    failed += report.numFailedTests;
    failed += report.testResults.filter(({ status, assertionResults }) => {
      return status === 'failed' && !assertionResults.some((test) => test.status === 'failed');
    }).length;
  }
  return { passed, failed };
}

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}
