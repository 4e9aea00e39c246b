import type { Clock, Timer } from '../clock.ts';

/**
 * Aborts one request after a time, or with the caller's signal. Not `AbortSignal.any`: each call would leave something
 * behind on a signal that lives as long as the process.
 */
export class Deadline {
  readonly timeoutMs: number;
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #timer: Timer;
  readonly #onOuterAbort = (): void => this.#abort('Aborted');
  #cause: 'Timeout' | 'Aborted' | undefined;

  constructor(clock: Clock, timeoutMs: number, outer: AbortSignal | undefined) {
    this.#clock = clock;
    this.timeoutMs = timeoutMs;
    this.#outer = outer;
    this.#timer = clock.setTimer(() => this.#abort('Timeout'), timeoutMs);
    if (outer?.aborted === true) this.#abort('Aborted');
    else outer?.addEventListener('abort', this.#onOuterAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Which of the two aborted; undefined when neither did. */
  get cause(): 'Timeout' | 'Aborted' | undefined {
    return this.#cause;
  }

  /** Ends the time limit; the caller's signal still aborts. */
  lift(): void {
    this.#clock.clearTimer(this.#timer);
  }

  /** Lets go of timer and signal. */
  end(): void {
    this.lift();
    this.#outer?.removeEventListener('abort', this.#onOuterAbort);
  }

  #abort(cause: 'Timeout' | 'Aborted'): void {
    this.#cause ??= cause;
    this.#controller.abort();
  }
}
