import type { LastFailure } from '../jetstream/delivery-record.ts';

/** What a process knows of a delivery that it wrote to or read from RETRIES, BACKLOG or DEADLETTERS. */
export type KnownOutcome =
  /** Delivered, dead-lettered, lost or unwanted: a copy that still comes is settled without a POST. */
  | { readonly kind: 'Done' }
  /** In the backlog: a copy that fires from RETRIES is settled, its entry speaks for it. */
  | { readonly kind: 'InBacklog' }
  /** Waits for `attempt`: a copy of any other schedule is stale, and what it may have removed is written again. */
  | {
      readonly kind: 'Scheduled';
      readonly scheduleID: string;
      readonly attempt: number;
      readonly dueAt: number;
      readonly firstAttemptAt: number | undefined;
      readonly last: LastFailure | undefined;
    };

interface Remembered {
  readonly outcome: KnownOutcome;
  readonly until: number;
}

/**
 * Remembers outcomes by delivery key for a fixed time on the monotonic clock. Copies of a delivery may still be on their
 * way for as long as an unacked message can come back, so the time is 2 × `ack_wait`.
 */
export class OutcomeMemory {
  readonly #ttlMs: number;
  // Oldest first: re-inserted on every set.
  readonly #entries = new Map<string, Remembered>();

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  set(key: string, outcome: KnownOutcome, now: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { outcome, until: now + this.#ttlMs });
    this.#expire(now);
  }

  get(key: string, now: number): KnownOutcome | undefined {
    if (this.#entries.size === 0) return undefined;
    const entry = this.#entries.get(key);
    return entry === undefined || entry.until <= now ? undefined : entry.outcome;
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  #expire(now: number): void {
    for (const [key, entry] of this.#entries) {
      if (entry.until > now) return;
      this.#entries.delete(key);
    }
  }
}
