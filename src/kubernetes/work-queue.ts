import type { Clock, Timer } from '../clock.ts';
import { exponentialDelay } from './backoff.ts';
import { FifoSet } from './fifo-set.ts';

/** `high`: somebody is waiting. `low`: start-up and resync, which must not hold up somebody's edit. */
export type Priority = 'high' | 'low';

/** The `workqueue_*` metrics of client-go. */
export interface WorkQueueObserver {
  depthChanged(priority: Priority, depth: number): void;
  added(): void;
  /** An item was put back after a failure. */
  retried(): void;
  /** From being added to being taken. */
  queueDuration(seconds: number): void;
  /** From being taken to being done. */
  workDuration(seconds: number): void;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly observer?: WorkQueueObserver;
  /** Delay after the first failure of an item. Defaults to 750 ms. */
  readonly baseDelayMs?: number;
  /** Longest delay after a failure. Defaults to 900 000 ms. */
  readonly maxDelayMs?: number;
}

export interface WorkItem {
  readonly key: string;
  readonly priority: Priority;
}

interface Delayed {
  readonly dueAt: number;
  readonly priority: Priority;
  readonly timer: Timer;
}

/**
 * Client-go's work queue: a key waits at most once; one worker at a time has it; a key added meanwhile is queued again
 * when that worker is done; failures of a key delay it exponentially until `forget`.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #observer: WorkQueueObserver | undefined;
  readonly #baseDelayMs: number;
  readonly #maxDelayMs: number;
  readonly #queues = { high: new FifoSet(), low: new FifoSet() };
  readonly #addedAt = new Map<string, number>();
  readonly #takenAt = new Map<string, number>();
  /** Added while a worker has them. */
  readonly #again = new Map<string, Priority>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  #takers: ((item: WorkItem | undefined) => void)[] = [];
  #shutDown = false;
  readonly #drained = Promise.withResolvers<void>();

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#observer = options.observer;
    this.#baseDelayMs = options.baseDelayMs ?? 750;
    this.#maxDelayMs = options.maxDelayMs ?? 900_000;
  }

  /** Keys that wait for a worker; delayed ones and those in work don't count. */
  get depth(): number {
    return this.#queues.high.size + this.#queues.low.size;
  }

  /** Queues a key; priority defaults to `high`. Nothing happens after {@link shutDown}. */
  add(key: string, priority: Priority = 'high'): void {
    if (this.#shutDown) return;
    this.#cancelDelayed(key);
    if (this.#takenAt.has(key)) {
      if (!this.#again.has(key)) this.#observer?.added();
      this.#again.set(key, higher(priority, this.#again.get(key)));
      return;
    }
    if (this.#queues[priority].has(key) || (priority === 'low' && this.#queues.high.has(key))) return;
    const promoted = priority === 'high' && this.#queues.low.delete(key);
    if (promoted) this.#depthChanged('low');
    else this.#observer?.added();
    this.#enqueue(key, priority);
  }

  /** Queues a key later. Of several times for a key the earliest counts; a plain {@link add} comes before all of them. */
  addAfter(key: string, delayMs: number, priority: Priority = 'high'): void {
    if (this.#shutDown) return;
    if (delayMs <= 0) {
      this.add(key, priority);
      return;
    }
    if (this.#queues.high.has(key) || this.#queues.low.has(key) || this.#again.has(key)) return;
    const dueAt = this.#clock.monotonic() + delayMs;
    const existing = this.#delayed.get(key);
    const strongest = higher(priority, existing?.priority);
    if (existing !== undefined && existing.dueAt <= dueAt) {
      this.#delayed.set(key, { ...existing, priority: strongest });
      return;
    }
    this.#cancelDelayed(key);
    const timer = this.#clock.setTimer(() => {
      this.add(key, this.#delayed.get(key)?.priority);
    }, delayMs);
    this.#delayed.set(key, { dueAt, priority: strongest, timer });
  }

  /** Queues a key after a delay that doubles with each call until {@link forget}. */
  addRateLimited(key: string, priority: Priority = 'high'): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#observer?.retried();
    this.addAfter(key, exponentialDelay(failures, this.#baseDelayMs, this.#maxDelayMs), priority);
  }

  /** Forgets the failures of a key; waiting times stay. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** How often {@link addRateLimited} was called for a key since it was last forgotten. */
  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Takes the next key, high priority first. Resolves to undefined when the queue was shut down and is empty. */
  get(): Promise<WorkItem | undefined> {
    const item = this.#take();
    if (item !== undefined || this.#shutDown) return Promise.resolve(item);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
    });
  }

  /** Gives a key back; required after each {@link get}. */
  done(key: string): void {
    const takenAt = this.#takenAt.get(key);
    if (takenAt === undefined) return;
    this.#takenAt.delete(key);
    this.#observer?.workDuration((this.#clock.monotonic() - takenAt) / 1000);
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again !== undefined) this.#enqueue(key, again);
    this.#settleDrain();
  }

  /** Accepts nothing more. What waits is still handed out; what was delayed is dropped. */
  shutDown(): void {
    this.#shutDown = true;
    for (const { timer } of this.#delayed.values()) this.#clock.clearTimer(timer);
    this.#delayed.clear();
    if (this.depth === 0) this.#releaseTakers();
    this.#settleDrain();
  }

  /** {@link shutDown}, and resolves when all keys that were waiting or in work are done. */
  shutDownWithDrain(): Promise<void> {
    this.shutDown();
    return this.#drained.promise;
  }

  /** `workqueue_unfinished_work_seconds`: how long everything in work has been there, added up. */
  unfinishedWorkSeconds(): number {
    let total = 0;
    for (const takenAt of this.#takenAt.values()) total += this.#clock.monotonic() - takenAt;
    return total / 1000;
  }

  /** `workqueue_longest_running_processor_seconds`. */
  longestRunningSeconds(): number {
    let oldest = this.#clock.monotonic();
    for (const takenAt of this.#takenAt.values()) oldest = Math.min(oldest, takenAt);
    return (this.#clock.monotonic() - oldest) / 1000;
  }

  #enqueue(key: string, priority: Priority): void {
    if (!this.#addedAt.has(key)) this.#addedAt.set(key, this.#clock.monotonic());
    this.#queues[priority].add(key);
    this.#depthChanged(priority);
    const taker = this.#takers.shift();
    if (taker !== undefined) taker(this.#take());
  }

  #take(): WorkItem | undefined {
    for (const priority of ['high', 'low'] as const) {
      const key = this.#queues[priority].shift();
      if (key === undefined) continue;
      const now = this.#clock.monotonic();
      this.#depthChanged(priority);
      this.#observer?.queueDuration((now - (this.#addedAt.get(key) as number)) / 1000);
      this.#addedAt.delete(key);
      this.#takenAt.set(key, now);
      if (this.#shutDown && this.depth === 0) this.#releaseTakers();
      return { key, priority };
    }
    return undefined;
  }

  #cancelDelayed(key: string): void {
    const delayed = this.#delayed.get(key);
    if (delayed === undefined) return;
    this.#clock.clearTimer(delayed.timer);
    this.#delayed.delete(key);
  }

  #depthChanged(priority: Priority): void {
    this.#observer?.depthChanged(priority, this.#queues[priority].size);
  }

  #releaseTakers(): void {
    const takers = this.#takers;
    this.#takers = [];
    for (const taker of takers) taker(undefined);
  }

  #settleDrain(): void {
    if (this.#shutDown && this.depth === 0 && this.#takenAt.size === 0) {
      this.#releaseTakers();
      this.#drained.resolve();
    }
  }
}

function higher(a: Priority, b: Priority | undefined): Priority {
  return a === 'high' || b === 'high' ? 'high' : 'low';
}
