import { BrokerError } from '../jetstream/broker.ts';
import type { OwnerClaim, StateStore, Versioned } from '../jetstream/state-store.ts';
import type { Clock, Timer } from '../clock.ts';
import { OperatorError } from '../errors.ts';
import type { Logger } from '../logger.ts';

/** How often an owner reads its claim. */
const readIntervalMs = 2000;
/** Age of the last good read from which an owner begins nothing new. */
const staleAfterMs = 4000;

/** The slot belongs to another owner now: what is in hand is dropped, the new owner has it. */
export class ClaimLostError extends OperatorError {
  readonly code = 'WHO_CLAIM_LOST';
}

export interface TakenClaim {
  readonly generation: number;
  /** The previous owner gave the slot up by will, or there never was one: nothing of it can still be under way. */
  readonly clean: boolean;
}

/**
 * The fence of a slot: a generation in STATE that its owner reads from the leader every 2 s. Whoever can't read it for 4 s,
 * or reads another's, begins nothing new. See `docs/architecture.md`.
 */
export class SlotClaim {
  readonly #slot: number;
  readonly #member: string;
  readonly #store: StateStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #generation = 0;
  #revision = 0;
  /** Monotonic time at which the last good read began. */
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #state: 'Idle' | 'Held' | 'Lost' | 'Released' = 'Idle';
  #timer: Timer | undefined;
  readonly #waiters = new Set<(held: boolean) => void>();
  readonly #lost = Promise.withResolvers<void>();

  constructor(options: { slot: number; member: string; store: StateStore; clock: Clock; logger: Logger }) {
    this.#slot = options.slot;
    this.#member = options.member;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Resolves when another owner took the slot. Never rejects. */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  /**
   * Raises the generation. Throws `BrokerError`: `WrongLastSequence` when another member took it at the same time; and
   * {@link ClaimLostError} when it was abandoned meanwhile.
   */
  async take(): Promise<TakenClaim> {
    const startedAt = this.#clock.monotonic();
    const previous = await this.#store.readClaim(this.#slot);
    const generation = (previous?.value.generation ?? 0) + 1;
    const claim: OwnerClaim = { generation, member: this.#member, released: false };
    const revision = await this.#write(claim, previous);
    // Given up while the claim was written: whoever wants the slot next waits, as after a crash.
    if (this.isLost) throw new ClaimLostError(`Slot ${this.#slot} was given up while it was taken`);
    this.#revision = revision;
    this.#generation = generation;
    this.#state = 'Held';
    this.#confirmedAt = startedAt;
    this.#scheduleRead();
    const clean = previous === undefined || (previous.value.released && previous.value.unsettled !== true);
    return { generation, clean };
  }

  // A lost confirmation leaves our own claim in place: reading it back tells.
  async #write(claim: OwnerClaim, previous: Versioned<OwnerClaim> | undefined): Promise<number> {
    try {
      return await this.#store.writeClaim(this.#slot, claim, previous?.revision ?? 0);
    } catch (error) {
      if (!(error instanceof BrokerError) || error.kind !== 'Unavailable') throw error;
      const found = await this.#store.readClaim(this.#slot);
      if (found?.value.generation === claim.generation && found.value.member === claim.member) return found.revision;
      throw error;
    }
  }

  /** Whether work may begin now. */
  isHeld(): boolean {
    return this.#state === 'Held' && this.#clock.monotonic() - this.#confirmedAt <= staleAfterMs;
  }

  get isLost(): boolean {
    return this.#state === 'Lost' || this.#state === 'Released';
  }

  /** Resolves when work may begin. Throws {@link ClaimLostError} when it never will. */
  async held(): Promise<void> {
    if (this.isHeld()) return;
    if (this.isLost || this.#state === 'Idle' || !(await this.#nextRead())) {
      throw new ClaimLostError(`Slot ${this.#slot} has another owner`);
    }
  }

  #nextRead(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiters.add(resolve);
    });
  }

  /** Reads the claim at once, for who must know before the next interval. */
  async confirm(): Promise<void> {
    const startedAt = this.#clock.monotonic();
    try {
      const claim = await this.#store.readClaim(this.#slot);
      if (this.#state !== 'Held') return;
      if (claim?.value.generation === this.#generation && claim.value.member === this.#member) {
        this.#revision = claim.revision;
        this.#confirmedAt = startedAt;
        if (this.isHeld()) this.#answer(true);
      } else {
        this.#end('Lost');
        this.#logger.info('Lost the claim on a slot to another owner', {
          slot: this.#slot,
          generation: this.#generation,
          newGeneration: claim?.value.generation,
          newOwner: claim?.value.member,
        });
      }
    } catch (error) {
      // No answer is no evidence of another owner: the age of the last good read decides.
      this.#logger.debug('Could not read the claim on a slot', { slot: this.#slot, error });
    }
  }

  #scheduleRead(): void {
    this.#timer = this.#clock.setTimer(() => {
      void this.confirm().then(() => {
        if (this.#state === 'Held') this.#scheduleRead();
      });
    }, readIntervalMs);
  }

  /**
   * Gives the slot up by will, so that the next owner need not wait; with `unsettled`, because attempts are still under way,
   * it takes the slot at once and waits before it works it. Best effort: without it the next owner waits.
   */
  async release(unsettled: boolean): Promise<void> {
    if (this.#state !== 'Held') return;
    const claim: OwnerClaim = { generation: this.#generation, member: this.#member, released: true, unsettled };
    this.#end('Released');
    try {
      await this.#store.writeClaim(this.#slot, claim, this.#revision);
    } catch (error) {
      this.#logger.info('Could not release the claim on a slot; its next owner will wait a few seconds', {
        slot: this.#slot,
        error,
      });
    }
  }

  /** Stops without a word to the next owner, as a crash would. */
  abandon(): void {
    this.#end('Lost');
  }

  #end(state: 'Lost' | 'Released'): void {
    if (this.isLost) return;
    this.#state = state;
    this.#clock.clearTimer(this.#timer);
    this.#answer(false);
    this.#lost.resolve();
  }

  #answer(held: boolean): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter(held);
  }
}
