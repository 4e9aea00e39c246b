import { deepEqual } from './deep-equal.ts';

export interface LastStatusWrite {
  /** What we asked for. */
  readonly desired: unknown;
  /** What the server made of it: defaults added, unknown fields dropped. */
  readonly result: unknown;
  /** On the monotonic clock. */
  readonly at: number;
}

export interface StatusQuestion {
  readonly desired: unknown;
  /** The newest status known: of our last write or of the cache. */
  readonly current: unknown;
  readonly last: LastStatusWrite | undefined;
  /** A transition: not held back by the interval. */
  readonly urgent: boolean;
  /** On the monotonic clock. */
  readonly now: number;
  readonly minIntervalMs: number;
}

export type StatusDecision =
  | { readonly action: 'skip' }
  | { readonly action: 'write' }
  /** Ask again after this time. */
  | { readonly action: 'wait'; readonly delayMs: number };

/** Whether to write a status now. What somebody else changed counts as a difference and is put right. */
export function decideStatusWrite(question: StatusQuestion): StatusDecision {
  const { desired, current, last, urgent, now, minIntervalMs } = question;
  if (deepEqual(current, desired)) return { action: 'skip' };
  if (last === undefined) return { action: 'write' };
  // The server changed what we asked for: asking for the same again would go on for ever.
  if (deepEqual(last.desired, desired) && deepEqual(current, last.result)) return { action: 'skip' };
  const delayMs = last.at + minIntervalMs - now;
  return urgent || delayMs <= 0 ? { action: 'write' } : { action: 'wait', delayMs };
}
