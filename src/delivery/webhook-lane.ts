import { messageOf } from '../errors.ts';
import type { RequestResult } from './attempt.ts';
import { attemptRequest } from './attempt-request.ts';
import { classify, classifyLocalFault, type FailedVerdict, type Verdict } from './classify.ts';
import type { DeliveryEvent } from './delivery-event.ts';
import type { EventContent } from './delivery.ts';
import { isNetworkFailure } from './egress-guard.ts';
import type { LaneMetrics, LaneServices, LossReason } from './lane-services.ts';
import { nextAttempt, type NextAttempt } from './next-attempt.ts';
import { PayloadInvalidError } from './payload-error.ts';
import { ClaimLostError } from './slot-claim.ts';
import type { StateKeeper } from './state-keeper.ts';
import type { HoldReason, Target, WebhookConfig } from './webhook-config.ts';
import {
  attemptFailed,
  attemptSucceeded,
  configApplied,
  eventExhausted,
  isVerified,
  receiverDisabled,
  verified,
  type AttemptContext,
  type Change,
  type Owed,
  type SuccessRecord,
  type Transition,
  type Verification,
  type WebhookState,
} from './webhook-state.ts';

/** Why a lane delivers nothing now; the reason of `Active: False`. */
export type InactiveReason = HoldReason | 'Disabled' | 'NotVerified';

/** Numbers for `status.pending`. */
export interface LanePending {
  readonly retrying: number;
  readonly backlog: number;
  readonly deadLettered: number;
  readonly lost: number;
}

/** What the streams hold for a webhook. */
export interface FoundCounts {
  readonly retrying: number;
  readonly backlog: number;
  readonly deadLettered: number;
}

export interface LaneOptions {
  readonly config: WebhookConfig;
  readonly keeper: StateKeeper;
  readonly services: LaneServices;
  readonly metrics: LaneMetrics;
  /** What was found in the streams when the slot was taken. */
  readonly found: FoundCounts;
}

/** The verdict on a failed attempt with what follows from it for the delivery. */
export interface JudgedFailure {
  readonly verdict: FailedVerdict;
  readonly next: NextAttempt | { readonly kind: 'Rejected' } | { readonly kind: 'Disabled' };
  /** The failure changed something that must be stored before the delivery is settled. */
  readonly mustPersist: boolean;
  readonly durationMs: number;
}

/**
 * One webhook in this process: its configuration, its record in STATE, its attempts. How deliveries are queued and stored
 * is the subclass's: `ParallelLane` or `OrderedLane`.
 */
export abstract class WebhookLane {
  readonly uid: string;
  readonly services: LaneServices;
  readonly keeper: StateKeeper;
  readonly metrics: LaneMetrics;
  config: WebhookConfig;
  /** Requests of this webhook under way. */
  inFlight = 0;
  /** What the filter could not decide since this process has the webhook with this filter; undefined = nothing. */
  filterFaults: { readonly count: number; readonly last: string } | undefined;
  /** The server refused to hold more for this webhook; until something can be held again. */
  backlogFull = false;
  protected waiting: number;
  protected backlogCount: number;
  protected deadLettered: number;
  protected stopped = false;
  protected removed = false;
  /** Transitions that are not announced yet, because they are not stored yet. */
  #unannounced: { readonly transitions: readonly Transition[]; readonly eventType: string | undefined }[] = [];
  /** Verifications that are being stored. One that can't be stored ends with the slot. */
  #unstoredVerifications = 0;
  /** Not folded into the state record on the hot path: {@link flush} does. */
  #lastSuccess: SuccessRecord | undefined;

  constructor(options: LaneOptions) {
    this.uid = options.config.uid;
    this.config = options.config;
    this.keeper = options.keeper;
    this.services = options.services;
    this.metrics = options.metrics;
    this.waiting = options.found.retrying;
    this.backlogCount = options.found.backlog;
    this.deadLettered = options.found.deadLettered;
  }

  get state(): WebhookState {
    return this.keeper.state;
  }

  get lastSuccess(): SuccessRecord | undefined {
    return this.#lastSuccess ?? this.state.lastSuccess;
  }

  pending(): LanePending {
    return {
      retrying: Math.max(0, this.waiting),
      backlog: Math.max(0, this.backlogCount),
      deadLettered: this.deadLettered,
      lost: this.state.lost,
    };
  }

  /** Undefined while the lane delivers. */
  inactiveReason(): InactiveReason | undefined {
    if (this.config.hold !== undefined) return this.config.hold;
    if (this.state.verdict !== undefined) return 'Disabled';
    return isVerified(this.state, this.config) && this.#unstoredVerifications === 0 ? undefined : 'NotVerified';
  }

  /** Takes a new configuration over; results of attempts under way still count for what they were made with. */
  async apply(config: WebhookConfig): Promise<void> {
    if (config.filter?.source !== this.config.filter?.source) this.filterFaults = undefined;
    this.config = config;
    const { epoch } = this.state;
    this.change(configApplied(this.state, config, this.services.clock.now()));
    if (this.state.epoch !== epoch) this.startedAfresh();
    this.activityChanged();
    await this.persist();
  }

  /** The URL has proved itself; resolves once that is stored. */
  async setVerified(verification: Verification, owed: Owed): Promise<void> {
    // Nothing is sent on the strength of a verification that the next owner might not know of.
    this.#unstoredVerifications++;
    this.change(verified(this.state, verification, owed));
    await this.persist();
    this.#unstoredVerifications--;
    this.activityChanged();
  }

  /** Whether what comes while the lane is inactive is dropped: `whileInactive: Drop` of the class. */
  get dropsNewcomers(): boolean {
    const reason = this.config.delivery.whileInactive === 'Drop' ? this.inactiveReason() : undefined;
    return reason === 'Suspended' || reason === 'Disabled';
  }

  /** Whether the event was stored after the point from which this webhook is owed events. */
  owes(content: Pick<EventContent, 'sequence' | 'key'>): boolean {
    const { owed } = this.state;
    if (owed === undefined) return false;
    // A stream made anew counts from 1 again: all of it came later.
    return content.sequence > owed.sequence || !content.key.startsWith(`${owed.stream}-`);
  }

  /** Events match from now on, although from which one they are owed is not known yet. */
  abstract awaitOwed(): void;
  /** The streams were counted again: what this lane believed is corrected. */
  abstract recount(found: FoundCounts, countedFrom: number): void;
  /** Changes with every append to the backlog: {@link recount} gets what it was before the count. */
  abstract appendMark(): number;
  /** The URL is another one, or a person re-enabled the webhook: pauses of before are over. */
  protected abstract startedAfresh(): void;
  /** Called whenever the lane may have become active or inactive. */
  protected abstract activityChanged(): void;
  /** Begins whatever may begin now. */
  abstract pump(): void;
  /** Parks and holds what has been unacked for too long. */
  abstract sweep(now: number): void;
  /** Copies that this process holds and has not settled. */
  abstract get unsettled(): number;
  /** Empties the lane of a deleted Webhook and removes all that is stored of it. */
  abstract remove(): Promise<void>;
  /** Begins nothing new; resolves when nothing is in hand any more, or rejects when the slot is lost. */
  abstract drain(): Promise<void>;

  /** Ends without another write: the slot has another owner. */
  stop(): void {
    this.stopped = true;
    this.services.egress.forget(this.uid);
  }

  /** Whether an attempt may begin. */
  protected mayWork(): boolean {
    return !this.stopped && !this.removed && this.services.claim.isHeld() && this.inactiveReason() === undefined;
  }

  /** Stores counts and last results that nothing waits for. */
  async flush(): Promise<void> {
    if (this.#lastSuccess !== undefined) {
      this.keeper.set({ ...this.state, lastSuccess: this.#lastSuccess });
      this.#lastSuccess = undefined;
    }
    if (!this.stopped && !this.removed) await this.persist();
  }

  /** Stores every change made so far, then tells the world. Throws `ClaimLostError`. */
  async persist(): Promise<void> {
    if (this.keeper.isDirty) await this.keeper.persist();
    for (const { transitions, eventType } of this.#unannounced.splice(0)) {
      this.services.listener.transitioned(this.uid, transitions, eventType);
    }
  }

  /** Whether {@link flush} has counts to store, which must not wait longer than 1 s. */
  get isDirty(): boolean {
    return this.keeper.isDirty;
  }

  /** @returns whether the change is a transition, which must be stored before anything is acked because of it. */
  protected change(change: Change, eventType?: string): boolean {
    this.keeper.set(change.state);
    if (change.transitions.length === 0) return false;
    this.#unannounced.push({ transitions: change.transitions, eventType });
    return true;
  }

  /** Makes one attempt. Calls back once, later or at once; the receiver is not asked when the request can't be built. */
  protected attempt(
    event: DeliveryEvent,
    attempt: number,
    judged: (verdict: Verdict, result: RequestResult | undefined) => void,
  ): void {
    const { config } = this;
    const target = config.target as Target;
    const now = this.services.clock.now();
    let request;
    try {
      request = attemptRequest(config, target, event, attempt, now);
    } catch (error) {
      // Whatever keeps a request from being built will do so again: a dead letter, which a person sees, loses nothing.
      if (!(error instanceof PayloadInvalidError)) {
        this.services.logger.error('Could not build a request', { uid: this.uid, eventID: event.id, error });
      }
      judged(classifyLocalFault('PayloadInvalid', messageOf(error)), undefined);
      return;
    }
    void this.services.sender.send(request).then((result) => {
      judged(classify(result, config.delivery, this.services.clock.now(), target.secretValues), result);
    });
  }

  /** @returns true when a streak has ended and that is not stored yet: it is before anything is acked because of it. */
  protected succeeded(epoch: number, event: DeliveryEvent, result: RequestResult, attempt: number): boolean {
    const { clock, egress } = this.services;
    const now = clock.now();
    egress.recordAnswer(this.uid);
    const statusCode = result.kind === 'Response' ? result.statusCode : 0;
    const latencySeconds = attempt === 1 ? Math.max(0, now - event.storedAt) / 1000 : undefined;
    this.metrics.delivered(statusCode, result.durationMs / 1000, latencySeconds);
    const success: SuccessRecord = { at: now, eventID: event.id, statusCode, durationMs: result.durationMs };
    const { state } = this;
    if (epoch !== state.epoch) return false;
    if (state.streak === 0 && state.exhausted === 0) {
      this.#lastSuccess = success;
      this.services.listener.changed(this.uid);
      // Another success ended the streak a moment ago, and the server may not have that yet.
      return this.keeper.mayHoldStreak;
    }
    this.#lastSuccess = undefined;
    const { failingAfter } = this.config.delivery.disable;
    this.change(attemptSucceeded(state, epoch, success, failingAfter), event.type);
    this.services.listener.changed(this.uid);
    return true;
  }

  /** Counts a failure and decides what becomes of the delivery. */
  protected judgeFailure(
    verdict: FailedVerdict,
    epoch: number,
    content: EventContent,
    attempt: number,
    durationMs: number,
  ): JudgedFailure {
    const { config, services } = this;
    const now = services.clock.now();
    const settings = config.delivery;
    this.#recordEgress(verdict);
    const context: AttemptContext = {
      epoch,
      settings,
      exempt: config.exempt,
      now,
      thresholdsPaused: services.egress.suspected(services.activeWebhooks()),
    };
    const failure = {
      at: now,
      eventID: content.id,
      attempt,
      reason: verdict.reason,
      message: verdict.message,
      ...(verdict.statusCode === undefined ? {} : { statusCode: verdict.statusCode }),
    };
    let mustPersist = this.change(
      attemptFailed(this.state, context, failure, verdict.countsAgainstReceiver),
      content.type,
    );
    services.listener.changed(this.uid);
    if (verdict.action === 'Disable') {
      const reason = verdict.statusCode === 410 ? 'ReceiverGone' : 'ReceiverRequested';
      const cause = { reason, message: verdict.message, eventID: content.id } as const;
      mustPersist = this.change(receiverDisabled(this.state, { epoch, now }, cause), content.type) || mustPersist;
      return { verdict, next: { kind: 'Disabled' }, mustPersist, durationMs };
    }
    if (verdict.action === 'Reject') return { verdict, next: { kind: 'Rejected' }, mustPersist, durationMs };
    const next = nextAttempt(attempt, settings, verdict.retryAfterMs, services.random, now);
    if (next.kind === 'Exhausted') {
      // Like the streak: what is our own fault, or a pause that was asked for, never disables.
      if (verdict.countsAgainstReceiver) {
        const change = eventExhausted(this.state, context, content.id, verdict.message);
        mustPersist = this.change(change, content.type) || mustPersist;
      }
      return { verdict, next, mustPersist, durationMs };
    }
    return { verdict, next: this.state.verdict === undefined ? next : { kind: 'Disabled' }, mustPersist, durationMs };
  }

  #recordEgress(verdict: FailedVerdict): void {
    const { egress } = this.services;
    const { target } = this.config;
    if (isNetworkFailure(verdict.reason) && target !== undefined) {
      egress.recordNetworkFailure(this.uid, hostOf(target.url));
    } else if (verdict.statusCode !== undefined) {
      egress.recordAnswer(this.uid);
    }
  }

  filterFailed(message: string): void {
    this.filterFaults = { count: (this.filterFaults?.count ?? 0) + 1, last: message };
    this.metrics.filterFailed();
    this.services.listener.changed(this.uid);
  }

  /** Shows a failed attempt and what follows from it in the metrics. */
  countFailure({ verdict, durationMs }: JudgedFailure, outcome: 'retry' | 'dead_letter' | 'held'): void {
    this.metrics.failed(outcome, verdict.reason, verdict.statusCode, durationMs / 1000);
  }

  /** The backlog of this webhook is at its limit: one delivery is lost. */
  backlogRefused(): void {
    this.backlogFull = true;
    this.countLost('BacklogFull', 1);
  }

  /** Counts deliveries that can't be delivered any more. */
  protected countLost(reason: LossReason, count: number): void {
    this.keeper.set({ ...this.state, lost: this.state.lost + count });
    this.metrics.lost(reason, count);
    this.services.listener.lost(this.uid, reason, count);
  }

  /** Runs a task whose only expected fault is that the slot was lost; then the new owner has the delivery. */
  background(what: string, task: Promise<void>): void {
    task.catch((error: unknown) => {
      if (error instanceof ClaimLostError || this.stopped) return;
      this.services.logger.error('A delivery task failed', {
        what,
        namespace: this.config.namespace,
        name: this.config.name,
        error,
      });
    });
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
