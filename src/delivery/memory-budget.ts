/**
 * Bytes of events in hand, shared by all slots of a process. Over the limit pulling pauses; it goes on when a quarter of the
 * limit is free again.
 */
export class MemoryBudget {
  readonly #limit: number;
  readonly #listeners = new Set<(paused: boolean) => void>();
  #used = 0;
  #paused = false;

  /** @param limitBytes Defaults to 256 MiB. */
  constructor(limitBytes = 256 * 1024 * 1024) {
    this.#limit = limitBytes;
  }

  get used(): number {
    return this.#used;
  }

  get paused(): boolean {
    return this.#paused;
  }

  add(bytes: number): void {
    this.#used += bytes;
    if (!this.#paused && this.#used > this.#limit) this.#set(true);
  }

  remove(bytes: number): void {
    this.#used -= bytes;
    if (this.#paused && this.#used <= this.#limit * 0.75) this.#set(false);
  }

  /** @returns a function that ends the subscription. */
  onChange(listener: (paused: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(paused: boolean): void {
    this.#paused = paused;
    for (const listener of this.#listeners) listener(paused);
  }
}
