/** Samples kept; with one at least every 30 s, a clock that was set is followed within minutes. */
const windowSize = 8;

/**
 * Estimates server time minus local time from request and answer times. Of the last few samples the one with the shortest
 * round trip counts, because it bounds the error best (as in NTP). Pure.
 */
export class ClockOffset {
  #samples: { readonly offset: number; readonly roundTrip: number }[] = [];

  /** All in milliseconds since the epoch; samples that make no sense are ignored. */
  add(sentAt: number, receivedAt: number, serverTime: number): void {
    const roundTrip = receivedAt - sentAt;
    if (!Number.isFinite(serverTime) || roundTrip < 0) return;
    this.#samples.push({ offset: serverTime - (sentAt + receivedAt) / 2, roundTrip });
    if (this.#samples.length > windowSize) this.#samples.shift();
  }

  /** Milliseconds; 0 before the first sample. */
  get value(): number {
    let best = this.#samples[0];
    if (best === undefined) return 0;
    for (const sample of this.#samples) {
      // On a tie the newer one.
      if (sample.roundTrip <= best.roundTrip) best = sample;
    }
    return Math.round(best.offset);
  }
}
