import type { Delivery } from './delivery.ts';
import type { MemoryBudget } from './memory-budget.ts';

/**
 * The deliveries of one lane that this process works on, by key: one place at a time. Their bytes belong to the budget, but
 * for those of an unacked event: the slot counts these, once for all of its deliveries.
 */
export class DeliveriesInHand {
  readonly #memory: Pick<MemoryBudget, 'add' | 'remove'>;
  readonly #byKey = new Map<string, Delivery>();
  readonly #counted = new Set<Delivery>();

  constructor(memory: Pick<MemoryBudget, 'add' | 'remove'>) {
    this.#memory = memory;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Delivery | undefined {
    return this.#byKey.get(key);
  }

  values(): IterableIterator<Delivery> {
    return this.#byKey.values();
  }

  add(delivery: Delivery): void {
    this.#byKey.set(delivery.key, delivery);
    if (delivery.origin?.kind !== 'Event') this.#count(delivery);
  }

  /** Its event is acked while the attempt is still under way: from now on the bytes are the delivery's own. */
  parked(delivery: Delivery): void {
    if (this.#byKey.get(delivery.key) === delivery) this.#count(delivery);
  }

  delete(delivery: Delivery): void {
    this.#byKey.delete(delivery.key);
    if (this.#counted.size > 0 && this.#counted.delete(delivery)) this.#memory.remove(delivery.bytes);
  }

  clear(): void {
    for (const delivery of this.#counted) this.#memory.remove(delivery.bytes);
    this.#counted.clear();
    this.#byKey.clear();
  }

  #count(delivery: Delivery): void {
    if (delivery.bytes === 0 || this.#counted.has(delivery)) return;
    this.#counted.add(delivery);
    this.#memory.add(delivery.bytes);
  }
}
