/** A webhook's rate limit. */

export interface RateLimit {
  /** 0 = no limit. */
  readonly requests: number;
  readonly perMs: number;
}

/**
 * Holds up to `requests` tokens, full at first, and regains them evenly over `perMs`: so within any span of t ms at most
 * requests × (1 + t / perMs) are taken. Kept as the time at which it is full again, which makes {@link nextAt} exact.
 */
export class TokenBucket {
  readonly #now: () => number;
  #limit: RateLimit;
  /** When the bucket is (or was) full again. */
  #fullAt = Number.NEGATIVE_INFINITY;

  /** @param now Monotonic milliseconds. */
  constructor(limit: RateLimit, now: () => number) {
    this.#limit = limit;
    this.#now = now;
  }

  tryTake(): boolean {
    if (this.#unlimited()) return true;
    const now = this.#now();
    if (now < this.#availableAt()) return false;
    this.#fullAt = Math.max(now, this.#fullAt) + this.#interval();
    return true;
  }

  /** The monotonic time from which {@link tryTake} succeeds; the present when it would now. */
  nextAt(): number {
    const now = this.#now();
    return this.#unlimited() ? now : Math.max(now, this.#availableAt());
  }

  /** Changes the limit; tokens already there stay, as far as the new bucket holds them. */
  setLimit(limit: RateLimit): void {
    if (limit.requests === this.#limit.requests && limit.perMs === this.#limit.perMs) return;
    const now = this.#now();
    const missing = this.#unlimited() ? 0 : Math.max(0, this.#fullAt - now) / this.#interval();
    const tokens = this.#unlimited() ? Number.POSITIVE_INFINITY : this.#limit.requests - missing;
    this.#limit = limit;
    this.#fullAt = this.#unlimited() ? now : now + Math.max(0, limit.requests - tokens) * this.#interval();
  }

  #unlimited(): boolean {
    return this.#limit.requests <= 0 || this.#limit.perMs <= 0;
  }

  #interval(): number {
    return this.#limit.perMs / this.#limit.requests;
  }

  #availableAt(): number {
    return this.#fullAt - (this.#limit.requests - 1) * this.#interval();
  }
}
