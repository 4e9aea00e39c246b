import type { Clock, Timer } from '../clock.ts';
import type { BacklogStore } from '../jetstream/backlog-store.ts';
import type { LogEntry } from '../jetstream/subject-log.ts';
import type { Logger } from '../logger.ts';
import type { ConfirmedWrites } from './confirmed-write.ts';

/** Entries read at once. */
const readLimit = 64;
/** Settled entries are cut together after this time, or at once when everything that was read is settled. */
const cutDelayMs = 100;
/** Pause after a read that failed, or that a lagging follower answered. */
const rereadDelayMs = 200;

export interface DrainOwner {
  /** Whether entries are wanted now; asked before each read. */
  mayDrain(): boolean;
  /** Entries are ready to be taken. */
  entriesReady(): void;
  /** Changes with every append to this backlog that begins or ends. */
  appendMark(): number;
  /**
   * The leader says that the backlog is empty; `mark` is what `appendMark` was before it was asked.
   *
   * @returns false when an append came or ended in between: there may be more to read.
   */
  drained(mark: number): boolean;
  /** An entry was cut. */
  cut(count: number): void;
}

export interface BacklogDrainOptions {
  readonly slot: number;
  readonly uid: string;
  readonly store: BacklogStore;
  readonly writes: ConfirmedWrites;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly owner: DrainOwner;
}

/**
 * Reads one webhook's backlog, oldest first, and cuts it at the settled prefix. An entry that is taken and not settled
 * stays in the stream, so nothing is lost by forgetting it. Has no consumer on the server.
 */
export class BacklogDrain {
  readonly #options: BacklogDrainOptions;
  /** Taken entries, in the order of the stream. One that was given back still keeps later ones from being cut. */
  readonly #taken = new Map<number, 'InWork' | 'Settled' | 'Released'>();
  #ready: LogEntry[] = [];
  #readyIndex = 0;
  #cursor = 1;
  #reading = false;
  /** Until a first entry was confirmed by the leader: a former owner may have cut what a lagging follower still shows. */
  #confirmed = false;
  #cutting = false;
  #cutThrough = 0;
  #cutCount = 0;
  #timer: Timer | undefined;
  #cutTimer: Timer | undefined;
  #stopped = false;

  constructor(options: BacklogDrainOptions) {
    this.#options = options;
  }

  /** Nothing read and unsettled is in memory. */
  get isIdle(): boolean {
    return this.#taken.size === 0 && this.#readyIndex >= this.#ready.length;
  }

  /** The next entry, or undefined: then reading goes on by itself and `entriesReady` follows. */
  take(): LogEntry | undefined {
    const entry = this.peek();
    if (entry === undefined) {
      this.refill();
      return undefined;
    }
    this.#readyIndex++;
    this.#taken.set(entry.sequence, 'InWork');
    return entry;
  }

  peek(): LogEntry | undefined {
    return this.#ready[this.#readyIndex];
  }

  /** The entry needs no more attention: what follows from it is stored. */
  settle(sequence: number): void {
    if (!this.#taken.has(sequence)) return;
    this.#taken.set(sequence, 'Settled');
    for (const [first, status] of this.#taken) {
      if (status !== 'Settled') break;
      this.#taken.delete(first);
      this.#cutThrough = first;
      this.#cutCount++;
    }
    if (this.#cutCount > 0) this.#scheduleCut();
  }

  /** Whether no later entry is in work or settled: one that stays in the backlog keeps those from being cut. */
  isLast(sequence: number): boolean {
    for (const [other, status] of this.#taken) if (other > sequence && status !== 'Released') return false;
    return true;
  }

  /** The entry was taken and nothing came of it: it is read again later. */
  release(sequence: number): void {
    if (!this.#taken.has(sequence)) return;
    this.#taken.set(sequence, 'Released');
    // What was read and not taken may lie before it.
    this.reset();
    this.#cursor = Math.min(this.#cursor, sequence);
    this.#refillAfter(0);
  }

  /** Forgets what was read and not taken, so that the next read shows what is there now. */
  reset(): void {
    const next = this.peek();
    if (next !== undefined) this.#cursor = Math.min(this.#cursor, next.sequence);
    this.#ready = [];
    this.#readyIndex = 0;
  }

  stop(): void {
    this.#stopped = true;
    this.#options.clock.clearTimer(this.#timer);
    this.#options.clock.clearTimer(this.#cutTimer);
  }

  /** Reads on, or finds out that there is nothing more. */
  refill(): void {
    if (this.#reading || this.#stopped || this.peek() !== undefined || !this.#options.owner.mayDrain()) return;
    this.#reading = true;
    void this.#read().then((pauseMs) => {
      this.#reading = false;
      if (this.#stopped) return;
      if (this.peek() !== undefined) this.#options.owner.entriesReady();
      else if (pauseMs !== undefined) this.#refillAfter(pauseMs);
    });
  }

  /** @returns when to read again, or undefined when something else will ask for it. */
  async #read(): Promise<number | undefined> {
    const { store, slot, uid, owner, logger } = this.#options;
    const mark = owner.appendMark();
    const from = this.#cursor;
    try {
      const entries = await store.read(slot, uid, from, readLimit);
      // An entry was given back meanwhile: what was read begins behind it.
      if (this.#cursor < from) return 0;
      const last = entries.at(-1);
      if (last !== undefined) {
        if (!(await this.#isCurrent(entries))) return rereadDelayMs;
        if (this.#cursor < from) return 0;
        // A release moved the cursor back: entries behind it may still be in hand.
        const fresh = entries.filter((entry) => (this.#taken.get(entry.sequence) ?? 'Released') === 'Released');
        this.#ready = fresh;
        this.#readyIndex = 0;
        this.#cursor = last.sequence + 1;
        return fresh.length > 0 ? undefined : 0;
      }
      if (this.#hasReleased()) return rereadDelayMs;
      if (this.#taken.size > 0 || this.#cutCount > 0 || this.#cutting) return undefined;
      if (!(await store.isEmpty(slot, uid))) {
        // A follower that lags answered the read. Not from the start: it may still show entries that were cut.
        this.#cursor = this.#cutThrough + 1;
        return rereadDelayMs;
      }
      return owner.drained(mark) ? undefined : 0;
    } catch (error) {
      logger.debug('Could not read a backlog; trying again', { slot, uid, error });
      return rereadDelayMs * 5;
    }
  }

  // Entries are cut from the front: if the first one is there, all are.
  async #isCurrent(entries: readonly LogEntry[]): Promise<boolean> {
    const [first] = entries;
    if (!this.#confirmed && first !== undefined) this.#confirmed = await this.#options.store.exists(first.sequence);
    return this.#confirmed;
  }

  #hasReleased(): boolean {
    for (const status of this.#taken.values()) if (status === 'Released') return true;
    return false;
  }

  #refillAfter(delayMs: number): void {
    this.#options.clock.clearTimer(this.#timer);
    this.#timer = this.#options.clock.setTimer(() => this.refill(), delayMs);
  }

  #scheduleCut(): void {
    if (this.#cutting || this.#stopped) return;
    if (this.isIdle) {
      this.#options.clock.clearTimer(this.#cutTimer);
      this.#cutTimer = undefined;
      void this.#cut();
    } else {
      this.#cutTimer ??= this.#options.clock.setTimer(() => {
        this.#cutTimer = undefined;
        void this.#cut();
      }, cutDelayMs);
    }
  }

  async #cut(): Promise<void> {
    if (this.#cutting || this.#cutCount === 0) return;
    const { store, slot, uid, writes, owner, logger } = this.#options;
    this.#cutting = true;
    const through = this.#cutThrough;
    const count = this.#cutCount;
    this.#cutCount = 0;
    try {
      await writes.run('backlog cut', () => store.cut(slot, uid, through));
      owner.cut(count);
    } catch (error) {
      // The slot has another owner: it reads these entries again.
      logger.debug('Left settled entries in a backlog', { slot, uid, error });
    } finally {
      this.#cutting = false;
    }
    if (this.#stopped) return;
    if (this.#cutCount > 0) this.#scheduleCut();
    else this.refill();
  }

  /** Cuts what is settled, before the slot is handed over. */
  async flush(): Promise<void> {
    await this.#cut();
  }
}
