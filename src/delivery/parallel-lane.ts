import type { Timer } from '../clock.ts';
import { BacklogDrain, type DrainOwner } from './backlog-drain.ts';
import { BacklogIntake } from './backlog-intake.ts';
import type { Verdict } from './classify.ts';
import type { RequestResult } from './attempt.ts';
import type { DeliveryEvent } from './delivery-event.ts';
import { DeliveriesInHand } from './deliveries-in-hand.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { Delivery, type Arrival } from './delivery.ts';
import { LanePace } from './lane-pace.ts';
import { engineLimits } from './lane-services.ts';
import { LaneSettlement } from './lane-settlement.ts';
import { matchesAnyPattern } from './pattern.ts';
import type { BudgetMember } from './request-budget.ts';
import { WebhookLane, type FoundCounts, type LaneOptions } from './webhook-lane.ts';

/**
 * The usual lane: a small bounded queue in memory with its own concurrency and rate, and the backlog behind it. While the
 * backlog may hold anything, newcomers go to its end, so that older ones come first.
 */
export class ParallelLane extends WebhookLane implements BudgetMember, DrainOwner {
  /** Every delivery in hand, by key: one place at a time. */
  readonly working: DeliveriesInHand;
  readonly settlement: LaneSettlement;
  readonly drainage: BacklogDrain;
  readonly #intake: BacklogIntake;
  readonly #queue = new DeliveryQueue();
  readonly #pace: LanePace;
  /** Whether the backlog may hold something. */
  #backlogged: boolean;
  /** Counts beginnings and ends of appends. */
  #appendMark = 0;
  /** Appends without a confirmation. */
  #appendsOpen = 0;
  /** Events match from now on, although from which one they are owed is not known yet. */
  #awaitingOwed = false;
  #timer: Timer | undefined;
  #idle: (() => void) | undefined;
  #draining = false;

  constructor(options: LaneOptions) {
    super(options);
    this.working = new DeliveriesInHand(this.services.memory);
    const { clock, slot, backlog, writes, logger } = this.services;
    this.#pace = new LanePace(options.config.delivery, () => clock.monotonic());
    this.#backlogged = options.found.backlog > 0;
    this.settlement = new LaneSettlement(this);
    this.drainage = new BacklogDrain({ slot, uid: this.uid, store: backlog, writes, clock, logger, owner: this });
    this.#intake = new BacklogIntake(this);
  }

  get unsettled(): number {
    return this.working.size;
  }

  get isSlow(): boolean {
    return this.state.streak >= engineLimits.slowAfterFailures;
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  /** Takes a copy of a delivery from any of its origins but the backlog. */
  offer(arrival: Arrival): void {
    const { content, origin } = arrival;
    const current = this.working.get(content.key);
    if (current !== undefined) {
      (current.followers ??= []).push(arrival);
      return;
    }
    if (this.removed || this.settlement.followKnown(arrival)) {
      if (this.removed) origin.settle();
      return;
    }
    // From the moment in which the point is noted it decides, also while it is still being stored.
    const undecided = this.#awaitingOwed && this.state.owed === undefined;
    if (!undecided && !this.owes(content)) {
      origin.settle();
      return;
    }
    if (origin.kind !== 'Event' && !matchesAnyPattern(this.config.patterns, content.type)) {
      this.metrics.skipped('unsubscribed');
      this.settlement.dismiss(arrival);
      return;
    }
    const delivery = new Delivery(arrival);
    if (this.#mustHold(delivery)) return;
    this.working.add(delivery);
    this.#queue.push(delivery);
    this.pump();
  }

  #mustHold(delivery: Delivery): boolean {
    if (this.inactiveReason() !== undefined) {
      if (this.dropsNewcomers && delivery.origin?.kind === 'Event') {
        this.metrics.skipped('dropped');
        delivery.settleOrigin();
        return true;
      }
    } else if (!this.#backlogged && !this.isSlow && !this.#draining && this.#queue.hasRoom(this.services.clock)) {
      return false;
    }
    this.working.add(delivery);
    this.settlement.hold(delivery);
    return true;
  }

  awaitOwed(): void {
    this.#awaitingOwed = true;
  }

  override async setVerified(...args: Parameters<WebhookLane['setVerified']>): Promise<void> {
    await super.setVerified(...args);
    this.#awaitingOwed = false;
    this.pump();
  }

  pump(): void {
    for (;;) {
      if (!this.mayWork() || this.#draining) return;
      if (this.inFlight >= (this.isSlow ? 1 : this.#pace.concurrency)) return;
      const waitMs = this.#pace.waitMs();
      if (waitMs > 0) {
        this.pumpAfter(waitMs);
        return;
      }
      const next = this.#queue.peek() ?? this.#fromBacklog();
      if (next === undefined) return;
      if (!this.services.budget.tryTake(this)) return;
      this.#pace.begin();
      this.#queue.shift();
      this.#start(next);
    }
  }

  budgetAvailable(): void {
    this.pump();
  }

  /** The next entry of the backlog, put into the queue. */
  #fromBacklog(): Delivery | undefined {
    if (!this.#backlogged) return undefined;
    const delivery = this.#intake.next();
    if (delivery !== undefined) this.#queue.push(delivery);
    return delivery;
  }

  pumpAfter(delayMs: number): void {
    this.#timer ??= this.services.clock.setTimer(() => {
      this.#timer = undefined;
      this.pump();
    }, delayMs);
  }

  protected startedAfresh(): void {
    this.#pace.clearPause();
  }

  #start(delivery: Delivery): void {
    delivery.phase = 'InFlight';
    delivery.epoch = this.state.epoch;
    delivery.firstAttemptAt ??= this.services.clock.now();
    this.inFlight++;
    const { content } = delivery;
    if (content.data !== undefined) {
      this.#send(delivery, content as DeliveryEvent);
      return;
    }
    this.background('load', this.#load(delivery));
  }

  async #load(delivery: Delivery): Promise<void> {
    const content = await this.settlement.load(delivery);
    if (content !== undefined && this.mayWork()) {
      this.#send(delivery, content);
      return;
    }
    this.#ended();
    delivery.phase = 'Settling';
    if (content !== undefined) {
      // Suspended, disabled or given another URL while the event was read.
      this.settlement.hold(delivery);
      return;
    }
    this.countLost('Expired', 1);
    await this.settlement.finish(delivery);
  }

  #send(delivery: Delivery, event: DeliveryEvent): void {
    this.attempt(event, delivery.attempt, (verdict, result) => {
      this.#ended();
      this.#finished(delivery, event, verdict, result);
    });
  }

  #ended(): void {
    this.inFlight--;
    this.services.budget.release(this);
  }

  #finished(delivery: Delivery, event: DeliveryEvent, verdict: Verdict, result: RequestResult | undefined): void {
    if (this.stopped) return;
    delivery.phase = 'Settling';
    if (verdict.kind === 'Delivered' && result !== undefined) {
      this.#pace.succeeded();
      const endedStreak = this.succeeded(delivery.epoch, event, result, delivery.attempt);
      if (!endedStreak && !this.settlement.hasCopies(delivery)) {
        // The hot path: nothing to write.
        this.working.delete(delivery);
        delivery.settleOrigin();
        this.followersOf(delivery);
      } else {
        this.background('success', this.settlement.delivered(delivery));
      }
    } else if (verdict.kind === 'Failed') {
      // Before the failure may raise the epoch; what a former URL asked for is no concern of the present one.
      if (verdict.pausesLane && verdict.retryAfterMs !== undefined && delivery.epoch === this.state.epoch) {
        this.#pace.pauseFor(verdict.retryAfterMs);
      }
      const judged = this.judgeFailure(
        verdict,
        delivery.epoch,
        delivery.content,
        delivery.attempt,
        result?.durationMs ?? 0,
      );
      if (this.isSlow) {
        this.#pace.slowed();
        this.#backlogged = true;
      }
      if (this.inactiveReason() !== undefined) this.activityChanged();
      this.background('failure', this.settlement.failed(delivery, judged));
    }
    this.pump();
  }

  /** Copies that arrived while the delivery was in hand: they see its outcome now. */
  followersOf(delivery: Delivery): void {
    const { followers } = delivery;
    if (followers !== undefined) {
      delivery.followers = undefined;
      for (const follower of followers) this.offer(follower);
    }
    if (this.#idle !== undefined && this.working.size === 0) this.#idle();
  }

  protected activityChanged(): void {
    this.#pace.setLimits(this.config.delivery);
    if (this.inactiveReason() === undefined) {
      this.pump();
      return;
    }
    this.services.budget.forget(this);
    this.holdQueue();
    this.drainage.reset();
  }

  /** Moves what is queued to the backlog; what came from there stays there. */
  holdQueue(): void {
    for (const delivery of this.#queue.takeAll()) {
      if (delivery.origin?.kind === 'Backlog') this.settlement.giveBack(delivery);
      else this.settlement.hold(delivery);
    }
  }

  sweep(now: number): void {
    const { maxUnackedMs } = engineLimits;
    let late = false;
    for (const delivery of this.working.values()) {
      const { origin } = delivery;
      if (origin === undefined || delivery.park !== undefined || now - origin.receivedAt < maxUnackedMs) continue;
      if (delivery.phase === 'InFlight') this.background('park', this.settlement.park(delivery));
      else if (delivery.phase === 'Queued' && origin.kind !== 'Backlog') late = true;
    }
    // In the order in which they wait; all of them, or a younger one would overtake those in the backlog.
    if (late) this.holdQueue();
  }

  appendBegan(): void {
    this.#backlogged = true;
    this.#appendMark++;
    this.#appendsOpen++;
  }

  appendEnded(stored: boolean): void {
    this.#appendMark++;
    this.#appendsOpen--;
    if (stored) {
      this.backlogCount++;
      this.backlogFull = false;
    }
    if (this.#appendsOpen === 0) this.drainage.refill();
  }

  mayDrain(): boolean {
    return this.mayWork() && !this.#draining && this.#backlogged && !this.services.memory.paused;
  }

  appendMark(): number {
    return this.#appendMark;
  }

  entriesReady(): void {
    this.pump();
  }

  cut(count: number): void {
    this.backlogCount -= count;
    this.services.listener.changed(this.uid);
  }

  drained(mark: number): boolean {
    // An append without a confirmation reads on by itself when it gets one.
    if (this.#appendsOpen > 0) return true;
    // One that was outstanding when the leader was asked may have been stored after its answer.
    if (mark !== this.#appendMark) return false;
    this.backlogCount = 0;
    if (!this.isSlow) this.#backlogged = false;
    this.services.listener.changed(this.uid);
    return true;
  }

  recount(found: FoundCounts, countedFrom: number): void {
    const undisturbed = countedFrom === this.#appendMark && this.#appendsOpen === 0 && this.drainage.isIdle;
    if (undisturbed && this.inactiveReason() !== undefined && found.backlog < this.backlogCount) {
      // Nobody took them out, so they left by age.
      this.countLost('BacklogExpired', this.backlogCount - found.backlog);
    }
    this.waiting = found.retrying;
    this.deadLettered = found.deadLettered;
    this.backlogCount = found.backlog;
    if (found.backlog > 0) this.#backlogged = true;
    this.pump();
  }

  addWaiting(change: 1 | -1): void {
    this.waiting += change;
    this.services.listener.changed(this.uid);
  }

  /** Whether one more delivery may wait in RETRIES. */
  get mayScheduleRetry(): boolean {
    return this.waiting < engineLimits.maxWaitingRetries && !this.services.retryCapacity.isFull;
  }

  addDeadLetter(): void {
    this.deadLettered++;
    this.services.listener.changed(this.uid);
  }

  override stop(): void {
    super.stop();
    this.#halt();
    this.working.clear();
    this.#idle?.();
  }

  #halt(): void {
    this.drainage.stop();
    this.services.clock.clearTimer(this.#timer);
    this.services.budget.forget(this);
    this.#queue.clear();
  }

  async drain(): Promise<void> {
    this.#draining = true;
    this.holdQueue();
    if (this.working.size > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    if (!this.stopped) await this.drainage.flush();
  }

  async remove(): Promise<void> {
    this.removed = true;
    this.stopped = true;
    this.#halt();
    for (const delivery of this.working.values()) {
      delivery.settleOrigin();
      for (const follower of delivery.followers ?? []) follower.origin.settle();
    }
    this.working.clear();
    await this.settlement.purge();
  }
}
