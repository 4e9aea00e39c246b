import type { Clock, Timer } from '../clock.ts';

/** Transitions are collected for this long before they are shown: several of one moment become one write. */
const urgentDelayMs = 100;
/** Other changes are collected for this long. With the interval between two writes it stays below 30 s. */
const lazyDelayMs = 10_000;
/** Webhooks shown at a stretch, well below a millisecond each. */
const sliceSize = 50;

export interface StatusScheduleOptions {
  /** Brings the status of one Webhook up to date. Must not throw. */
  readonly publish: (uid: string) => void;
  readonly clock: Clock;
}

/**
 * Decides when the status of a Webhook is computed again. Lanes report every single delivery here: that costs an insertion
 * into a set, and everything else is done once per interval, in slices that leave deliveries room.
 */
export class StatusSchedule {
  readonly #options: StatusScheduleOptions;
  #changed = new Set<string>();
  #urgent = new Set<string>();
  #lazyTimer: Timer | undefined;
  #urgentTimer: Timer | undefined;
  #stopped = false;

  constructor(options: StatusScheduleOptions) {
    this.#options = options;
  }

  /** Something that status shows has changed: shown within ten seconds. */
  changed(uid: string): void {
    this.#changed.add(uid);
    if (this.#lazyTimer === undefined && !this.#stopped) {
      this.#lazyTimer = this.#options.clock.setTimer(() => {
        const due = this.#changed;
        this.#changed = new Set();
        this.#lazyTimer = undefined;
        this.#publishSlice([...due], 0);
      }, lazyDelayMs);
    }
  }

  /** A transition: shown at once. */
  transitioned(uid: string): void {
    this.#urgent.add(uid);
    this.#changed.delete(uid);
    if (this.#urgentTimer === undefined && !this.#stopped) {
      this.#urgentTimer = this.#options.clock.setTimer(() => {
        const due = this.#urgent;
        this.#urgent = new Set();
        this.#urgentTimer = undefined;
        this.#publishSlice([...due], 0);
      }, urgentDelayMs);
    }
  }

  /** Shows what is outstanding, and takes nothing more. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    const { clock, publish } = this.#options;
    clock.clearTimer(this.#lazyTimer);
    clock.clearTimer(this.#urgentTimer);
    for (const uid of new Set([...this.#urgent, ...this.#changed])) publish(uid);
  }

  #publishSlice(uids: readonly string[], from: number): void {
    const { publish, clock } = this.#options;
    for (const uid of uids.slice(from, from + sliceSize)) publish(uid);
    if (from + sliceSize < uids.length) clock.defer(() => this.#publishSlice(uids, from + sliceSize));
  }
}
