/**
 * Runs tasks, at most `total` at a time and at most `perGroup` of one group, taking turns between the groups: a group whose
 * tasks hang keeps nobody else waiting.
 */
export class FairQueue {
  readonly #total: number;
  readonly #perGroup: number;
  /** Groups in the order of their turns; those at their limit keep their place. */
  readonly #groups = new Map<string, { readonly waiting: Set<() => Promise<void>>; running: number }>();
  #running = 0;

  constructor(options: { readonly total: number; readonly perGroup: number }) {
    this.#total = options.total;
    this.#perGroup = options.perGroup;
  }

  /** Runs `task`, now or later; it must not reject. Returns a function that takes it back if it has not begun. */
  add(group: string, task: () => Promise<void>): () => void {
    let entry = this.#groups.get(group);
    if (entry === undefined) {
      entry = { waiting: new Set(), running: 0 };
      this.#groups.set(group, entry);
    }
    const own = entry;
    own.waiting.add(task);
    this.#pump();
    return () => {
      own.waiting.delete(task);
      this.#forgetIfEmpty(group);
    };
  }

  #pump(): void {
    while (this.#running < this.#total && this.#runNext());
  }

  /** Runs a task of the first group in the line that may run one. False when there is none. */
  #runNext(): boolean {
    for (const [group, entry] of this.#groups) {
      const [task] = entry.waiting;
      if (task === undefined || entry.running >= this.#perGroup) continue;
      // To the end of the line.
      this.#groups.delete(group);
      this.#groups.set(group, entry);
      entry.waiting.delete(task);
      entry.running += 1;
      this.#running += 1;
      void task().finally(() => {
        entry.running -= 1;
        this.#running -= 1;
        this.#forgetIfEmpty(group);
        this.#pump();
      });
      return true;
    }
    return false;
  }

  #forgetIfEmpty(group: string): void {
    const entry = this.#groups.get(group);
    if (entry?.waiting.size === 0 && entry.running === 0) this.#groups.delete(group);
  }
}
