import { NatsOptionsError } from './jetstream/connection.ts';
import { PartitionsMismatchError } from './jetstream/streams.ts';
import { KubeconfigError } from './kubernetes/credentials.ts';
import { ConfigurationError } from './ops/options.ts';

/** What the process ends with: 0 = a graceful stop, 2 = only another configuration helps, 1 = anything else. */
export type ExitCode = 0 | 1 | 2;

/** @param clean whether every step of the stop ended well and in time. */
export function exitCodeOfStop(clean: boolean): ExitCode {
  return clean ? 0 : 1;
}

/** Of an error that ends the process. */
export function exitCodeOfError(error: unknown): ExitCode {
  const misconfigurations = [ConfigurationError, NatsOptionsError, KubeconfigError, PartitionsMismatchError];
  return misconfigurations.some((kind) => error instanceof kind) ? 2 : 1;
}
