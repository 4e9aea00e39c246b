/** Who takes part in the budget: a lane. */
export interface BudgetMember {
  /** Requests of this member in flight. */
  readonly inFlight: number;
  /** Called when a place may be free again for a member that was refused. */
  budgetAvailable(): void;
}

/**
 * The requests in flight that all lanes of a process share, round robin. A lane may always have its fair share; beyond
 * that only the first half of the budget may be used, so that lanes whose receivers hang can't take the places of those
 * whose receivers answer.
 */
export class RequestBudget {
  readonly #limit: number;
  #used = 0;
  // Insertion order is the order in which refused members are served.
  readonly #waiting = new Set<BudgetMember>();
  readonly #busy = new Set<BudgetMember>();
  #waking = false;

  /** @param limit requests in flight. Defaults to 2048. */
  constructor(limit = 2048) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Takes a place, or remembers the member to be called when one is free. */
  tryTake(member: BudgetMember): boolean {
    const half = this.#limit >> 1;
    if (this.#used < half || (this.#used < this.#limit && member.inFlight < this.#fairShare(half))) {
      this.#used++;
      this.#busy.add(member);
      this.#waiting.delete(member);
      return true;
    }
    this.#waiting.add(member);
    return false;
  }

  release(member: BudgetMember): void {
    this.#used--;
    if (member.inFlight === 0) this.#busy.delete(member);
    if (this.#waiting.size > 0) this.#wake();
  }

  /** The member no longer wants a place. */
  forget(member: BudgetMember): void {
    this.#waiting.delete(member);
    if (member.inFlight === 0) this.#busy.delete(member);
  }

  #fairShare(half: number): number {
    return Math.max(1, Math.floor(half / Math.max(1, this.#busy.size + this.#waiting.size)));
  }

  #wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    try {
      // Those refused again queue up behind. Bounded, because most of them may be over their share; whoever is refused is so
      // because requests are in flight, and each of them ends in another call of this.
      let refused = 0;
      for (const member of this.#waiting) {
        if (this.#used >= this.#limit || refused === 32) break;
        this.#waiting.delete(member);
        member.budgetAvailable();
        if (this.#waiting.has(member)) refused++;
      }
    } finally {
      this.#waking = false;
    }
  }
}
