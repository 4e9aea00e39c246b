import type { StreamState } from '../jetstream/broker.ts';

/** Share of `max_bytes` from which on failures wait in the backlog instead. */
const fullShare = 0.8;

/**
 * Whether RETRIES may take more. The server refuses to combine schedules with `discard: new`, so a full stream would drop its
 * oldest retries without a word: it must never get there. The rest is room for parks, and for what comes between two looks.
 */
export class RetryCapacity {
  #full = false;

  get isFull(): boolean {
    return this.#full;
  }

  observe({ bytes, maxBytes }: Pick<StreamState, 'bytes' | 'maxBytes'>): void {
    this.#full = maxBytes > 0 && bytes >= maxBytes * fullShare;
  }
}
