/** An insertion-ordered set with O(1) `shift` also after many deletions, where `Set` slows down. */
export class FifoSet {
  readonly #members = new Set<string>();
  // May name keys that have left since; they are skipped.
  #order: string[] = [];
  #head = 0;

  get size(): number {
    return this.#members.size;
  }

  has(key: string): boolean {
    return this.#members.has(key);
  }

  add(key: string): void {
    if (this.#members.has(key)) return;
    this.#members.add(key);
    this.#order.push(key);
  }

  delete(key: string): boolean {
    return this.#members.delete(key);
  }

  /** Takes the oldest key out. */
  shift(): string | undefined {
    while (this.#head < this.#order.length) {
      const key = this.#order[this.#head] as string;
      this.#head += 1;
      if (this.#head > 1024 && this.#head * 2 > this.#order.length) {
        this.#order = this.#order.slice(this.#head);
        this.#head = 0;
      }
      if (this.#members.delete(key)) return key;
    }
    this.#order = [];
    this.#head = 0;
    return undefined;
  }
}
