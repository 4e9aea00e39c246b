import type { Clock, Timer } from '../clock.ts';
import type { Engine } from '../delivery/engine.ts';
import { ClaimLostError } from '../delivery/slot-claim.ts';
import type { WebhookConfig } from '../delivery/webhook-config.ts';
import { messageOf } from '../errors.ts';
import type { OwnerClaim } from '../jetstream/state-store.ts';
import { exponentialDelay } from '../kubernetes/backoff.ts';
import type { Membership } from '../kubernetes/membership.ts';
import { assignSlots } from '../kubernetes/rendezvous.ts';
import type { Logger } from '../logger.ts';
import { mustWaitForOwner, planSlots, type SlotStatus } from './slot-plan.ts';

/** Who finds its slot taken, or lost it, looks again after this long. */
const againMs = 1000;
const maxBackoffMs = 30_000;
const lookIntervalMs = 1000;

export interface SlotManagerOptions {
  readonly engine: Pick<Engine, 'slotCount' | 'acquire' | 'release' | 'owns'>;
  readonly membership: Pick<Membership, 'identity' | 'members' | 'hasLease' | 'onChange'>;
  /** The claim on a slot, from the leader. */
  readonly readClaim: (slot: number) => Promise<OwnerClaim | undefined>;
  /** All Webhooks of the slot, from a consistent LIST that began after the call. */
  readonly loadConfigs: (slot: number) => Promise<readonly WebhookConfig[]>;
  /** The slot is worked from now on. */
  readonly onAcquired: (slot: number) => void;
  /** The slots that are worked, whenever that changes. */
  readonly onOwned: (slots: ReadonlySet<number>) => void;
  /** Time for deliveries in flight when a slot is handed over to another member. */
  readonly releaseGraceMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Entry extends SlotStatus {
  readonly failures: number;
  /** Since when the slot is wanted and another's. */
  readonly waitingSince?: number | undefined;
}

/**
 * Takes the slots that are this replica's among the members, and hands over those that are not. Only while our own Lease is
 * valid is anything taken: without the API server everybody goes on with what they have.
 */
export class SlotManager {
  readonly #options: SlotManagerOptions;
  readonly #slots = new Map<number, Entry>();
  #unsubscribe: () => void = () => undefined;
  #timer: Timer | undefined;
  #desired = new Set<number>();
  #desiredOf: readonly string[] | undefined;
  readonly #owned = new Set<number>();
  #stopped = false;

  constructor(options: SlotManagerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#unsubscribe = this.#options.membership.onChange(() => this.#look());
    this.#tick();
  }

  /** Takes nothing more; what is owned is the caller's to hand over (`Engine.stop`). */
  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    this.#options.clock.clearTimer(this.#timer);
  }

  #tick(): void {
    this.#look();
    this.#timer = this.#options.clock.setTimer(() => this.#tick(), lookIntervalMs);
  }

  #look(): void {
    const { membership, clock } = this.#options;
    const { acquire, release } = planSlots({
      desired: this.#desiredSlots(),
      slots: this.#slots,
      mayAcquire: membership.hasLease(),
      now: clock.monotonic(),
    });
    for (const slot of release) void this.#release(slot);
    for (const slot of acquire) void this.#acquire(slot);
  }

  #desiredSlots(): ReadonlySet<number> {
    const { membership, engine } = this.#options;
    const members = membership.members();
    if (members !== this.#desiredOf) {
      this.#desiredOf = members;
      const assignment = assignSlots(members, engine.slotCount);
      this.#desired = new Set(
        [...assignment].filter(([, owner]) => owner === membership.identity).map(([slot]) => slot),
      );
      // A slot that is not wanted has nothing to wait for; if it is wanted again, its owner gets all the patience again.
      for (const [slot, { phase }] of this.#slots) {
        if (phase === 'Idle' && !this.#desired.has(slot)) this.#slots.delete(slot);
      }
    }
    return this.#desired;
  }

  async #acquire(slot: number): Promise<void> {
    const { engine, loadConfigs, onAcquired, logger, clock } = this.#options;
    const failures = this.#slots.get(slot)?.failures ?? 0;
    const waitingSince = this.#slots.get(slot)?.waitingSince;
    this.#set(slot, { phase: 'Acquiring', notBefore: 0, failures, waitingSince });
    try {
      if (await this.#isAnothers(slot, waitingSince)) {
        this.#set(slot, this.#idle(againMs, failures, waitingSince ?? clock.monotonic()));
        return;
      }
      // Much may have happened while the claim was read.
      if (!this.#isWanted(slot)) {
        this.#set(slot, this.#idle(0, 0));
        return;
      }
      await engine.acquire(
        slot,
        () => loadConfigs(slot),
        () => this.#ended(slot),
      );
      if (!engine.owns(slot)) throw new ClaimLostError(`Slot ${slot} was lost as soon as it was taken`);
      this.#set(slot, { phase: 'Owned', notBefore: 0, failures: 0 });
      onAcquired(slot);
    } catch (error) {
      const delayMs = exponentialDelay(failures, againMs, maxBackoffMs);
      if (this.#isWanted(slot)) {
        const fields = { slot, retryInMilliseconds: delayMs, reason: messageOf(error), error };
        logger.error('Slot could not be taken', fields);
      } else {
        logger.info('Gave up taking a slot', { slot });
      }
      this.#set(slot, this.#idle(delayMs, failures + 1));
    }
  }

  #isWanted(slot: number): boolean {
    return !this.#stopped && this.#desired.has(slot);
  }

  async #isAnothers(slot: number, waitingSince: number | undefined): Promise<boolean> {
    const { membership, readClaim, clock } = this.#options;
    const now = clock.monotonic();
    return mustWaitForOwner({
      claim: await readClaim(slot),
      self: membership.identity,
      members: membership.members(),
      waitedMs: now - (waitingSince ?? now),
    });
  }

  #ended(slot: number): void {
    // A slot that is being taken or released reports its end to whoever waits for that.
    if (this.#slots.get(slot)?.phase === 'Owned') this.#set(slot, this.#idle(againMs, 0));
  }

  async #release(slot: number): Promise<void> {
    const { engine, releaseGraceMs, logger } = this.#options;
    if (this.#slots.get(slot)?.phase === 'Acquiring') {
      // Ends the attempt, which then comes back as failed.
      await engine.release(slot, 0);
      return;
    }
    this.#set(slot, { phase: 'Releasing', notBefore: 0, failures: 0 });
    try {
      await engine.release(slot, releaseGraceMs);
      logger.info('Handed a slot over', { slot });
    } catch (error) {
      logger.error('Slot could not be handed over', { slot, reason: messageOf(error), error });
    }
    this.#set(slot, this.#idle(0, 0));
  }

  #idle(delayMs: number, failures: number, waitingSince?: number): Entry {
    return { phase: 'Idle', notBefore: this.#options.clock.monotonic() + delayMs, failures, waitingSince };
  }

  #set(slot: number, entry: Entry): void {
    this.#slots.set(slot, entry);
    const isOwned = entry.phase === 'Owned';
    if (isOwned === this.#owned.has(slot)) return;
    if (isOwned) this.#owned.add(slot);
    else this.#owned.delete(slot);
    this.#options.onOwned(this.#owned);
  }
}
