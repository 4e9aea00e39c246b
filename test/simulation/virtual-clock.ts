import type { Clock, Timer } from '../../src/clock.ts';

/** 2026-01-01T00:00:00Z: where every run begins. */
export const epochStart = Date.UTC(2026, 0, 1);

interface Entry {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * The time of a run and the only source of macrotasks in it. Steps are run one by one in the order of their times; after
 * each, every microtask that it caused is done before the next one begins.
 */
export class VirtualTime {
  #now = 0;
  #order = 0;
  #steps = 0;
  // Binary heap by time, then by order of insertion.
  readonly #heap: Entry[] = [];

  /** Milliseconds since the start of the run. */
  get now(): number {
    return this.#now;
  }

  /** Steps run so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Runs `step` after `delayMs`. */
  after(delayMs: number, step: () => void): Entry {
    const entry: Entry = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run: step };
    this.#push(entry);
    return entry;
  }

  cancel(entry: object): void {
    (entry as Entry).run = undefined;
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve);
    });
  }

  /** Runs everything that is due until `end`. Throws what a step throws. */
  async runUntil(end: number): Promise<void> {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > end) break;
      this.#pop();
      const { run } = first;
      if (run === undefined) continue;
      this.#now = Math.max(this.#now, first.at);
      run();
      this.#steps++;
      await microtasksDone();
    }
    this.#now = Math.max(this.#now, end);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent] as Entry)) break;
      heap[index] = heap[parent] as Entry;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      if (!isBefore(heap[child] as Entry, last)) break;
      heap[index] = heap[child] as Entry;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

// A tick that is asked for in a microtask runs when no microtask is left; nothing else in a run uses real time.
function microtasksDone(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

/**
 * One process on the virtual time: what is to happen inside of it goes through here. A crashed process runs nothing any
 * more; a stalled one runs late what it missed.
 */
export class SimulatedProcess implements Clock {
  readonly name: string;
  readonly time: VirtualTime;
  /** How much its wall clock is ahead of the server's. */
  readonly skewMs: number;
  #status: 'Running' | 'Stalled' | 'Crashed' = 'Running';
  #missed: (() => void)[] = [];
  #stalledAt = 0;
  #lastResume = Number.NEGATIVE_INFINITY;
  #stuckUntil = Number.NEGATIVE_INFINITY;

  constructor(name: string, time: VirtualTime, skewMs = 0) {
    this.name = name;
    this.time = time;
    this.skewMs = skewMs;
  }

  get isRunning(): boolean {
    return this.#status === 'Running';
  }

  get isCrashed(): boolean {
    return this.#status === 'Crashed';
  }

  get isStalled(): boolean {
    return this.#status === 'Stalled';
  }

  /** How long the process has been silent, 0 while it runs. */
  get silentMs(): number {
    return this.#status === 'Running' ? 0 : this.time.now - this.#stalledAt;
  }

  /** When it went on the last time after a stall. */
  get resumedAt(): number {
    return this.#lastResume;
  }

  /** Runs `task` inside the process: now, late, or never. */
  run(task: () => void): void {
    if (this.#status === 'Running') task();
    else if (this.#status === 'Stalled') this.#missed.push(task);
  }

  crash(): void {
    this.#stalledAt = this.time.now;
    this.#status = 'Crashed';
    this.#missed = [];
  }

  stall(): void {
    if (this.#status !== 'Running') return;
    this.#stalledAt = this.time.now;
    this.#status = 'Stalled';
  }

  resume(): void {
    if (this.#status !== 'Stalled') return;
    this.#status = 'Running';
    this.#lastResume = this.time.now;
    for (const task of this.#missed.splice(0)) this.time.after(0, () => this.run(task));
  }

  /** Whatever its connection carries, either way, arrives after `forMs`; nothing is lost. */
  stick(forMs: number): void {
    this.#stuckUntil = Math.max(this.#stuckUntil, this.time.now + forMs);
  }

  /** How long something on the connection takes that needs `delayMs` when nothing is in its way. */
  transit(delayMs: number): number {
    return Math.max(delayMs, this.#stuckUntil - this.time.now);
  }

  // --- Clock ---

  now(): number {
    return epochStart + this.time.now + this.skewMs;
  }

  monotonic(): number {
    return this.time.now;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer: { entry: object | undefined; active: boolean } = { entry: undefined, active: true };
    timer.entry = this.time.after(delayMs, () => {
      // Asked again inside: a timer that was missed during a stall may have been cleared meanwhile.
      this.run(() => {
        if (timer.active) callback();
      });
    });
    return timer;
  }

  clearTimer(timer: Timer | undefined): void {
    if (timer === undefined) return;
    const own = timer as { entry: object; active: boolean };
    own.active = false;
    this.time.cancel(own.entry);
  }

  defer(callback: () => void): void {
    this.time.after(0, () => this.run(callback));
  }
}
