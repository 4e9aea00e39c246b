import { BrokerError } from '../jetstream/broker.ts';
import type { DeliveryRecord, HeldBy, LastFailure } from '../jetstream/delivery-record.ts';
import type { DeliveryEvent } from './delivery-event.ts';
import { Delivery, recordOf, type Arrival, type ParkedSchedule } from './delivery.ts';
import { engineLimits } from './lane-services.ts';
import { longestAttemptMs } from './longest-attempt.ts';
import { OutcomeMemory, type KnownOutcome } from './outcome-memory.ts';
import type { ParallelLane } from './parallel-lane.ts';
import { ClaimLostError } from './slot-claim.ts';
import type { JudgedFailure } from './webhook-lane.ts';

/**
 * What follows from an attempt, in the order that loses nothing: first the write (schedule, backlog entry, dead letter),
 * confirmed; then the park of the same delivery is cancelled; then its origin is settled; then other copies of it are looked
 * at. A step that finds the slot lost ends there: the new owner has the delivery.
 */
export class LaneSettlement {
  readonly #lane: ParallelLane;
  readonly #memory = new OutcomeMemory(engineLimits.memoryMs);

  constructor(lane: ParallelLane) {
    this.#lane = lane;
  }

  /** A success that wrote nothing yet, of a delivery that RETRIES or BACKLOG knows, or one that ended a streak. */
  async delivered(delivery: Delivery): Promise<void> {
    // Before anything else can see it: a copy that arrives while we write must not be sent.
    if (this.hasCopies(delivery)) this.#remember(delivery, { kind: 'Done' });
    await this.#lane.persist();
    await this.#cancelPark(delivery);
    this.#release(delivery);
  }

  async failed(delivery: Delivery, judged: JudgedFailure): Promise<void> {
    const lane = this.#lane;
    const { verdict, next, mustPersist } = judged;
    const { statusCode } = verdict;
    delivery.last = {
      reason: verdict.reason,
      message: verdict.message,
      ...(statusCode === undefined ? {} : { statusCode }),
    };
    if (mustPersist) await lane.persist();
    switch (next.kind) {
      case 'At':
        lane.countFailure(judged, 'retry');
        await this.retry(delivery, next.attempt, next.dueAt);
        return;
      case 'Disabled':
        lane.countFailure(judged, 'held');
        await this.#hold(delivery);
        return;
      case 'Exhausted':
      case 'Rejected':
        lane.countFailure(judged, 'dead_letter');
        await this.#deadLetter(delivery, delivery.last);
    }
  }

  /** Schedules the next attempt, or holds it in the backlog with its due time when too much waits already. */
  async retry(delivery: Delivery, attempt: number, dueAt: number): Promise<void> {
    const { services } = this.#lane;
    delivery.attempt = attempt;
    const inRetries = this.#occupiesRetries(delivery);
    if (!inRetries && !this.#lane.mayScheduleRetry) {
      await this.#append(delivery, 'Overflow', dueAt);
      return;
    }
    // A park is replaced, never raced: its own confirmation comes first.
    const park = await delivery.park;
    const scheduleID = services.newID();
    await this.#schedule(delivery, dueAt, scheduleID);
    if (park === undefined) this.#lane.addWaiting(1);
    this.#remember(delivery, {
      kind: 'Scheduled',
      scheduleID,
      attempt,
      dueAt,
      firstAttemptAt: delivery.firstAttemptAt,
      last: delivery.last,
    });
    this.#release(delivery);
  }

  #occupiesRetries(delivery: Delivery): boolean {
    return delivery.park !== undefined || delivery.origin?.kind === 'Retry';
  }

  async #schedule(delivery: Delivery, dueAt: number, scheduleID: string): Promise<number> {
    await this.#epochStored();
    const { retries, writes, slot } = this.#lane.services;
    const record = this.#record(delivery, { scheduleID });
    return writes.run('retry', () => retries.schedule(slot, this.#lane.uid, record, dueAt));
  }

  /** Frees the origin of an attempt that takes long: the same attempt is scheduled for when it can't be under way any more. */
  async park(delivery: Delivery): Promise<void> {
    const parked = this.#park(delivery);
    delivery.park = parked;
    await parked;
    if (delivery.phase !== 'InFlight') return;
    if (delivery.origin?.kind === 'Retry') this.#lane.addWaiting(-1);
    this.#lane.working.parked(delivery);
    delivery.settleOrigin();
  }

  async #park(delivery: Delivery): Promise<ParkedSchedule> {
    const { services, config } = this.#lane;
    const scheduleID = services.newID();
    const dueAt = services.clock.now() + longestAttemptMs(config.delivery) + engineLimits.parkMarginMs;
    const sequence = await this.#schedule(delivery, dueAt, scheduleID);
    this.#lane.addWaiting(1);
    return { sequence };
  }

  async #cancelPark(delivery: Delivery): Promise<void> {
    const park = await delivery.park;
    if (park === undefined) return;
    const { retries, writes, slot } = this.#lane.services;
    const { uid } = this.#lane;
    await writes.run('cancel', () => retries.cancel(slot, uid, delivery.key, park.sequence));
    this.#lane.addWaiting(-1);
  }

  /** Moves a delivery to the backlog. Begins at once; the delivery must be in hand (`working`). */
  hold(delivery: Delivery): void {
    delivery.phase = 'Settling';
    if (delivery.origin?.kind !== 'Backlog') this.#lane.metrics.skipped('held');
    this.#lane.background('hold', this.#hold(delivery));
  }

  async #hold(delivery: Delivery): Promise<void> {
    // An entry that failed because the webhook was disabled is already where it belongs, unless it would keep later ones that
    // are settled in the backlog for as long as the webhook is disabled: the next owner would send those again.
    if (delivery.park === undefined && delivery.origin?.mayStay?.() === true) {
      this.giveBack(delivery);
      return;
    }
    await this.#append(delivery, this.#heldBy(), undefined);
  }

  #heldBy(): HeldBy {
    switch (this.#lane.inactiveReason()) {
      case 'Disabled':
        return 'Disable';
      case 'NotVerified':
        return 'Unverified';
      case 'InvalidSpec':
        return 'Unfiltered';
      case undefined:
        return 'Overflow';
      default:
        return 'Suspend';
    }
  }

  async #append(delivery: Delivery, heldBy: HeldBy, dueAt: number | undefined): Promise<void> {
    const lane = this.#lane;
    const { backlog, writes, slot, newID } = lane.services;
    // The same id for repeats of this append, so that a lost confirmation doesn't store it twice.
    const messageID = newID();
    let stored = false;
    lane.appendBegan();
    try {
      await this.#epochStored();
      const record = this.#record(delivery, { heldBy, ...(dueAt === undefined ? {} : { dueAt }) });
      await writes.run('backlog', () => backlog.append(slot, lane.uid, record, messageID));
      stored = true;
      this.#remember(delivery, { kind: 'InBacklog' });
    } catch (error) {
      if (!(error instanceof BrokerError) || error.kind !== 'SubjectFull') throw error;
      this.#remember(delivery, { kind: 'Done' });
      lane.backlogRefused();
    } finally {
      lane.appendEnded(stored);
    }
    await this.#cancelPark(delivery);
    this.#release(delivery);
  }

  async #deadLetter(delivery: Delivery, last: LastFailure): Promise<void> {
    const lane = this.#lane;
    const { deadLetters, writes, slot, newID, listener } = lane.services;
    await this.#epochStored();
    const record = this.#record(delivery, {});
    const messageID = newID();
    await writes.run('dead letter', () => deadLetters.append(slot, lane.uid, record, messageID));
    this.#remember(delivery, { kind: 'Done' });
    lane.addDeadLetter();
    listener.deadLettered(lane.uid, delivery.content, last);
    await this.#cancelPark(delivery);
    this.#release(delivery);
  }

  /** The delivery is over without a further write. */
  async finish(delivery: Delivery): Promise<void> {
    this.#remember(delivery, { kind: 'Done' });
    await this.#cancelPark(delivery);
    this.#release(delivery);
  }

  /** A copy that nobody wants any more. */
  dismiss(arrival: Arrival): void {
    this.#memory.set(arrival.content.key, { kind: 'Done' }, this.#now());
    this.#settle(arrival);
  }

  /** An entry stays in the backlog. */
  giveBack(delivery: Delivery): void {
    const { origin } = delivery;
    delivery.origin = undefined;
    this.#lane.working.delete(delivery);
    origin?.release?.();
    this.#lane.followersOf(delivery);
  }

  /**
   * Decides on a copy of a delivery whose outcome this process remembers.
   *
   * @returns false when the copy is the current one and goes its way.
   */
  followKnown(arrival: Arrival): boolean {
    const known = this.#memory.get(arrival.content.key, this.#now());
    if (known === undefined) return false;
    const { kind } = arrival.origin;
    if (known.kind === 'Done') {
      this.#settle(arrival);
      return true;
    }
    if (known.kind === 'InBacklog') {
      if (kind === 'Backlog') return false;
      this.#settle(arrival);
      return true;
    }
    if (kind === 'Retry' && arrival.scheduleID === known.scheduleID) return false;
    // A stale copy. When it fired it may have taken the current schedule with it: written again before it is settled.
    const delivery = new Delivery({
      ...arrival,
      attempt: known.attempt,
      ...(known.firstAttemptAt === undefined ? {} : { firstAttemptAt: known.firstAttemptAt }),
      ...(known.last === undefined ? {} : { last: known.last }),
    });
    delivery.phase = 'Settling';
    this.#lane.working.add(delivery);
    this.#lane.background('reschedule', this.#reschedule(delivery, known));
    return true;
  }

  async #reschedule(delivery: Delivery, known: KnownOutcome & { readonly kind: 'Scheduled' }): Promise<void> {
    // The same identity: whichever of the two copies fires is the current one.
    await this.#schedule(delivery, known.dueAt, known.scheduleID);
    if (delivery.origin?.kind === 'Retry') this.#lane.addWaiting(1);
    this.#release(delivery);
  }

  /** The body of a delivery that travelled as a reference; undefined when the event is gone. */
  async load(delivery: Delivery): Promise<DeliveryEvent | undefined> {
    const { services } = this.#lane;
    const content = await services.writes.run('load', () => services.loadContent(delivery.content));
    return content?.data === undefined ? undefined : { ...content, data: content.data };
  }

  /** Removes all that the streams hold of a deleted webhook. */
  async purge(): Promise<void> {
    const { retries, backlog, deadLetters, writes, slot } = this.#lane.services;
    const { uid } = this.#lane;
    this.#memory.clear();
    await writes.run('purge', () => retries.purgeWebhook(slot, uid));
    await writes.run('purge', () => backlog.purgeWebhook(slot, uid));
    await writes.run('purge', () => deadLetters.purgeWebhook(slot, uid));
    await writes.run('purge', () => this.#lane.keeper.delete());
  }

  /** What a disable, a reactivation or another URL brings about is written, and acked, only after the change itself is stored. */
  async #epochStored(): Promise<void> {
    // Again, because another change may come while one is stored.
    while (!this.#lane.keeper.epochIsStored) await this.#lane.persist();
  }

  #record(delivery: Delivery, fields: Partial<DeliveryRecord>): DeliveryRecord {
    const { firstAttemptAt, last } = delivery;
    return recordOf(delivery.content, {
      attempt: delivery.attempt,
      epoch: this.#lane.state.epoch,
      ...(firstAttemptAt === undefined ? {} : { firstAttemptAt }),
      ...(last === undefined ? {} : { last }),
      ...fields,
    });
  }

  /** Whether copies of the delivery may come from RETRIES or BACKLOG. */
  hasCopies({ park, origin }: Delivery): boolean {
    return park !== undefined || origin?.kind !== 'Event' || origin.mayHaveCopies === true;
  }

  #remember(delivery: Delivery, outcome: KnownOutcome): void {
    this.#memory.set(delivery.key, outcome, this.#now());
  }

  #settle(arrival: Arrival): void {
    arrival.origin.settle();
    if (arrival.origin.kind === 'Retry') this.#lane.addWaiting(-1);
  }

  #release(delivery: Delivery): void {
    const lane = this.#lane;
    if (lane.isStopped) throw new ClaimLostError('The slot was lost while a delivery was settled');
    if (delivery.origin?.kind === 'Retry') lane.addWaiting(-1);
    lane.working.delete(delivery);
    delivery.settleOrigin();
    lane.followersOf(delivery);
  }

  #now(): number {
    return this.#lane.services.clock.monotonic();
  }
}
