import { TokenBucket } from './token-bucket.ts';
import type { DeliverySettings } from './webhook-config.ts';

type Limits = Pick<DeliverySettings, 'rateLimit' | 'concurrency'>;

/**
 * When a lane may begin its next attempt, and how many at a time: the rate limit, pauses that the receiver asked for, and a
 * concurrency that doubles with each success from 1 after a start or a bad streak, so that a receiver which just came back is
 * not met by everything that waited for it.
 */
export class LanePace {
  readonly #monotonic: () => number;
  readonly #bucket: TokenBucket;
  #limits: Limits;
  #ramp = 1;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  /** @param monotonic see {@link Clock.monotonic}. */
  constructor(limits: Limits, monotonic: () => number) {
    this.#limits = limits;
    this.#monotonic = monotonic;
    this.#bucket = new TokenBucket(limits.rateLimit, monotonic);
  }

  setLimits(limits: Limits): void {
    this.#limits = limits;
    this.#bucket.setLimit(limits.rateLimit);
  }

  /** Attempts that may be in flight at once. */
  get concurrency(): number {
    return Math.min(this.#limits.concurrency, this.#ramp);
  }

  /** Milliseconds until the next attempt may begin; 0 = now. */
  waitMs(): number {
    const from = Math.max(this.#pausedUntil, this.#bucket.nextAt());
    // After nextAt(), which is the present when no limit is in the way.
    return Math.max(0, from - this.#monotonic());
  }

  /** An attempt begins. */
  begin(): void {
    this.#bucket.tryTake();
  }

  /** No attempt begins for this long: the receiver said so. */
  pauseFor(delayMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#monotonic() + delayMs);
  }

  /** The receiver is another one now: a pause that the former asked for is over. */
  clearPause(): void {
    this.#pausedUntil = Number.NEGATIVE_INFINITY;
  }

  succeeded(): void {
    this.#ramp = Math.min(this.#limits.concurrency, this.#ramp * 2);
  }

  /** The streak is a bad one: after it, one at a time again. */
  slowed(): void {
    this.#ramp = 1;
  }
}
