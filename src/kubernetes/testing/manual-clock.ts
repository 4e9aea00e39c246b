import type { Clock, Timer } from '../../clock.ts';

interface PendingTimer {
  readonly dueAt: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that stands still until told otherwise. */
export class ManualClock implements Clock {
  #monotonic = 1_000_000;
  #wallOffset: number;
  #order = 0;
  readonly #timers = new Set<PendingTimer>();

  /** `wallClock` is the time of day at the start, in milliseconds since the epoch. */
  constructor(wallClock = Date.UTC(2026, 0, 1)) {
    this.#wallOffset = wallClock - this.#monotonic;
  }

  now(): number {
    return this.#monotonic + this.#wallOffset;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    this.#order += 1;
    const timer = { dueAt: this.#monotonic + Math.max(0, delayMs), order: this.#order, callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimer(timer: Timer | undefined): void {
    this.#timers.delete(timer as PendingTimer);
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer fires; undefined without timers. */
  get nextTimerIn(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.dueAt - this.#monotonic;
  }

  /** Moves both clocks on and fires what falls due on the way, in order. */
  advance(ms: number): void {
    const target = this.#monotonic + ms;
    for (let next = this.#next(); next !== undefined && next.dueAt <= target; next = this.#next()) {
      this.#monotonic = Math.max(this.#monotonic, next.dueAt);
      this.#timers.delete(next);
      next.callback();
    }
    this.#monotonic = target;
  }

  /** As {@link advance}, in steps, with a turn of the event loop after each, for code that awaits in between. */
  async advanceSteps(totalMs: number, stepMs: number): Promise<void> {
    for (let passed = 0; passed < totalMs; passed += stepMs) {
      this.advance(Math.min(stepMs, totalMs - passed));
      await turn();
    }
  }

  /** Moves the wall clock only, as NTP or an administrator does. */
  jumpWallClock(ms: number): void {
    this.#wallOffset += ms;
  }

  #next(): PendingTimer | undefined {
    let first: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (
        first === undefined ||
        timer.dueAt < first.dueAt ||
        (timer.dueAt === first.dueAt && timer.order < first.order)
      ) {
        first = timer;
      }
    }
    return first;
  }
}

/** One turn of the event loop: pending promises and I/O callbacks run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * Waits in real time until `condition` holds, for tests that meet real sockets; `eachTurn` may move a manual clock.
 * Throws after `timeoutMs` (defaults to 10 000).
 */
export async function eventually(
  condition: () => boolean,
  options: { readonly eachTurn?: () => void; readonly timeoutMs?: number; readonly what?: string } = {},
): Promise<void> {
  const deadline = performance.now() + (options.timeoutMs ?? 10_000);
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never came true: ${options.what ?? condition.toString()}`);
    options.eachTurn?.();
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}
