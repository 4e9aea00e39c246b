import type { Clock } from '../clock.ts';
import type { Delivery } from './delivery.ts';
import { engineLimits } from './lane-services.ts';

/** Consumed places at the front are given back when there are this many. */
const compactAt = 256;

/** Deliveries that wait for a lane, first in, first out. Taking one moves nothing, however long the queue is. */
export class DeliveryQueue {
  #items: Delivery[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  /**
   * Whether one more may wait here, or belongs into the backlog. A queue whose oldest has not waited long is moving, and may be
   * longer than one that stands still.
   */
  hasRoom(clock: Pick<Clock, 'monotonic'>): boolean {
    const { laneQueue, movingLaneQueue, movingMs } = engineLimits;
    if (this.length < laneQueue) return true;
    return this.length < movingLaneQueue && clock.monotonic() - (this.peek()?.origin?.receivedAt ?? 0) < movingMs;
  }

  push(delivery: Delivery): void {
    this.#items.push(delivery);
  }

  peek(): Delivery | undefined {
    return this.#items[this.#head];
  }

  shift(): void {
    if (this.length === 0) return;
    this.#head++;
    if (this.#head === this.#items.length) this.clear();
    else if (this.#head >= compactAt && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  /** Takes everything out. */
  takeAll(): Delivery[] {
    const all = this.#items.slice(this.#head);
    this.clear();
    return all;
  }
}
