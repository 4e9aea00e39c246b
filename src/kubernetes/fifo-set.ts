/** An insertion-ordered set with O(1) `shift` also after many deletions, where `Set` slows down. */
export class FifoSet {
  /** With the number under which a key came in last. */
  readonly #members = new Map<string, number>();
  // May name keys that have left since, or came in again later; they are skipped.
  #order: (readonly [key: string, number: number])[] = [];
  #head = 0;
  #added = 0;

  get size(): number {
    return this.#members.size;
  }

  has(key: string): boolean {
    return this.#members.has(key);
  }

  add(key: string): void {
    if (this.#members.has(key)) return;
    this.#added += 1;
    this.#members.set(key, this.#added);
    this.#order.push([key, this.#added]);
  }

  delete(key: string): boolean {
    return this.#members.delete(key);
  }

  /** Takes the oldest key out. */
  shift(): string | undefined {
    for (let entry = this.#order[this.#head]; entry !== undefined; entry = this.#order[this.#head]) {
      this.#head += 1;
      if (this.#head > 1024 && this.#head * 2 > this.#order.length) {
        this.#order = this.#order.slice(this.#head);
        this.#head = 0;
      }
      const [key, number] = entry;
      if (this.#members.get(key) === number) {
        this.#members.delete(key);
        return key;
      }
    }
    this.#order = [];
    this.#head = 0;
    return undefined;
  }
}
