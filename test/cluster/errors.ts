import { OperatorError } from '../../src/errors.ts';

/** A part of the test cluster could not be provided, started or reached; the message carries the end of its output. */
export class TestClusterError extends OperatorError {
  readonly code = 'WHO_TEST_CLUSTER';
}
