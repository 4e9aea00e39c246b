/**
 * How many messages the server was asked for and still owes. Pure.
 *
 * The server spreads messages over open requests as it likes and says nothing when one is complete, so only the sum is
 * counted; a request that ends early says how many it did not deliver.
 */
export class PullWindow {
  readonly #limit: number;
  /** Requests that may be open, by id, with the time from which they can't be any more. */
  readonly #requests = new Map<string, { readonly batch: number; readonly deadline: number }>();
  #owed = 0;

  /** @param limit most messages to be asked for at a time. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Messages that may still come. */
  get owed(): number {
    return this.#owed;
  }

  /** How many to ask for now; 0 = enough are on their way. Asks in halves, so that the flow never stops for a round trip. */
  shortage(): number {
    return this.#owed <= Math.floor(this.#limit / 2) ? this.#limit - this.#owed : 0;
  }

  opened(id: string, batch: number, deadline: number): void {
    this.#requests.set(id, { batch, deadline });
    this.#owed += batch;
  }

  delivered(): void {
    if (this.#owed > 0) this.#owed -= 1;
    if (this.#owed === 0) this.#requests.clear();
  }

  /**
   * A request ended by a status.
   *
   * @param undelivered how many it still owed; absent = it was refused as a whole.
   */
  ended(id: string, undelivered?: number): void {
    const request = this.#requests.get(id);
    if (request === undefined) return;
    this.#requests.delete(id);
    this.#reduce(undelivered ?? request.batch);
  }

  /** Forgets requests that are past their deadline: complete ones, or ones whose end got lost. */
  expire(now: number): void {
    for (const [id, request] of this.#requests) {
      if (request.deadline > now) break;
      this.#requests.delete(id);
    }
    this.#reduce(0);
  }

  /** All requests are void: the connection or the consumer's leader changed. */
  reset(): void {
    this.#requests.clear();
    this.#owed = 0;
  }

  #reduce(by: number): void {
    this.#owed = this.#requests.size === 0 ? 0 : Math.max(0, this.#owed - by);
  }
}
