/** How long to wait between tries of something that fails. */
export interface BackoffOptions {
  /** Ceiling of the first delay, in milliseconds. */
  readonly baseMs: number;
  /** Ceiling of every delay, in milliseconds. */
  readonly capMs: number;
  /** A failure this long after the one before starts over, in milliseconds. */
  readonly resetAfterMs: number;
  /** Uniform in [0, 1). Defaults to `Math.random`. */
  readonly random?: () => number;
}

/**
 * Exponential backoff with full jitter: the delay is uniform between 0 and a ceiling that doubles with each failure, so
 * that replicas which lost the API server together don't come back together.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #failures = 0;
  #lastFailureAt = Number.NEGATIVE_INFINITY;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /** Counts a failure at `monotonicMs` and returns the delay before the next try. */
  next(monotonicMs: number): number {
    if (monotonicMs - this.#lastFailureAt > this.#options.resetAfterMs) this.#failures = 0;
    this.#lastFailureAt = monotonicMs;
    const ceiling = exponentialDelay(this.#failures, this.#options.baseMs, this.#options.capMs);
    this.#failures += 1;
    return this.#random() * ceiling;
  }
}

/** `baseMs` · 2^failures, at most `capMs`. */
export function exponentialDelay(failures: number, baseMs: number, capMs: number): number {
  // 2^1024 is Infinity, which min() cuts: no overflow to guard against.
  return Math.min(capMs, baseMs * 2 ** failures);
}
