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
  /** As the cache has it; it may be a moment behind our own last write. */
  readonly cached: unknown;
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

/**
 * Whether to write a status now. Within the interval after a write its result is the truth, for the cache may still show
 * what was before; after it the cache is, and a status that somebody else changed is put right.
 */
export function decideStatusWrite(question: StatusQuestion): StatusDecision {
  const { desired, cached, last, urgent, now, minIntervalMs } = question;
  const settled = (state: unknown): boolean =>
    deepEqual(state, desired) ||
    // The server changed what we asked for: asking for the same again would go on for ever.
    (last !== undefined && deepEqual(last.desired, desired) && deepEqual(state, last.result));

  if (last === undefined || now - last.at >= minIntervalMs) {
    return settled(cached) ? { action: 'skip' } : { action: 'write' };
  }
  const wait: StatusDecision = { action: 'wait', delayMs: last.at + minIntervalMs - now };
  if (settled(last.result)) return deepEqual(cached, last.result) ? { action: 'skip' } : wait;
  return urgent ? { action: 'write' } : wait;
}
