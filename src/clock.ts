/** A pending timer; pass it to {@link Clock.clearTimer}. */
export type Timer = object | number;

/**
 * The only source of time in decisions, so that tests and the simulation run on virtual time. Production uses
 * {@link systemClock}.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch. May jump; use it only for times that leave the process. */
  now(): number;
  /** Milliseconds from an arbitrary origin; never goes back. Use it for ages and deadlines. */
  monotonic(): number;
  /** Calls `callback` once after `delayMs`. The timer does not keep the process alive. */
  setTimer(callback: () => void, delayMs: number): Timer;
  clearTimer(timer: Timer | undefined): void;
  /** Calls `callback` once after the current turn of the event loop (`setImmediate`): for work that is collected and done together. */
  defer(callback: () => void): void;
}

/** Resolves after `delayMs` of the given clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, delayMs);
  });
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: (callback, delayMs) => {
    // setTimeout overflows to 1 ms above 2^31-1 ms (24.8 days).
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), 2_147_483_647));
    timer.unref();
    return timer;
  },
  clearTimer: (timer) => {
    if (timer !== undefined) clearTimeout(timer as NodeJS.Timeout);
  },
  defer: (callback) => {
    setImmediate(callback);
  },
};
