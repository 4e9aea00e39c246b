/**
 * Runs tasks, at most `total` at a time and at most `perGroup` of one group, taking turns between the groups: a group whose
 * tasks hang keeps nobody else waiting.
 */
export class FairQueue {
  readonly #total: number;
  readonly #perGroup: number;
  /** Groups in the order of their turns; those at their limit stay in it. */
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
    let idleTurns = 0;
    while (this.#running < this.#total && idleTurns < this.#groups.size) {
      const [next] = this.#groups;
      if (next === undefined) return;
      const [group, entry] = next;
      // To the end of the line, whether it gets something now or not.
      this.#groups.delete(group);
      this.#groups.set(group, entry);
      const [task] = entry.waiting;
      if (task === undefined || entry.running >= this.#perGroup) {
        idleTurns += 1;
        continue;
      }
      idleTurns = 0;
      entry.waiting.delete(task);
      entry.running += 1;
      this.#running += 1;
      void task().finally(() => {
        entry.running -= 1;
        this.#running -= 1;
        this.#forgetIfEmpty(group);
        this.#pump();
      });
    }
  }

  #forgetIfEmpty(group: string): void {
    const entry = this.#groups.get(group);
    if (entry?.waiting.size === 0 && entry.running === 0) this.#groups.delete(group);
  }
}
