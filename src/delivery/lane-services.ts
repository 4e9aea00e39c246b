import type { Clock } from '../clock.ts';
import type { BacklogStore } from '../jetstream/backlog-store.ts';
import type { DeadLetterStore } from '../jetstream/dead-letter-store.ts';
import type { RetryStore } from '../jetstream/retry-store.ts';
import type { Logger } from '../logger.ts';
import type { FailureReason, Sender } from './attempt.ts';
import type { ConfirmedWrites } from './confirmed-write.ts';
import type { EventContent } from './delivery.ts';
import type { EgressGuard } from './egress-guard.ts';
import type { LastFailure } from '../jetstream/delivery-record.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { RequestBudget } from './request-budget.ts';
import type { RetryCapacity } from './retry-capacity.ts';
import type { SlotClaim } from './slot-claim.ts';
import type { Transition } from './webhook-state.ts';

/** Why deliveries were lost. Label `reason` of `events_lost_total`. */
export const lossReasons = [
  /** The webhook's backlog is at its limit. */
  'BacklogFull',
  /** The event left EVENTS by age or size before it was sent. */
  'Expired',
  /** A held delivery left the backlog by age. */
  'BacklogExpired',
] as const;
export type LossReason = (typeof lossReasons)[number];

/** Counters of one webhook; `ops/metrics` implements it. */
export interface LaneMetrics {
  /** A successful attempt. `latencySeconds`: from stored in EVENTS to answered; undefined for a repeated delivery. */
  delivered(statusCode: number, durationSeconds: number, latencySeconds: number | undefined): void;
  /** A failed attempt and what follows from it. `statusCode` undefined = no response. */
  failed(
    outcome: 'retry' | 'dead_letter' | 'held',
    reason: FailureReason,
    statusCode: number | undefined,
    durationSeconds: number,
  ): void;
  /** Settled, or held, without an attempt. */
  skipped(outcome: 'unsubscribed' | 'dropped' | 'held'): void;
  lost(reason: LossReason, count: number): void;
  filterFailed(): void;
  /** The webhook is gone, or another replica's: its series go too. */
  remove(): void;
}

/** What a lane tells the outside. Called synchronously; must not throw. */
export interface LaneListener {
  /** The transitions are stored. `eventType`: of the event whose attempt caused them. */
  transitioned(uid: string, transitions: readonly Transition[], eventType: string | undefined): void;
  /** Something that status shows has changed. */
  changed(uid: string): void;
  deadLettered(uid: string, content: EventContent, last: LastFailure): void;
  lost(uid: string, reason: LossReason, count: number): void;
}

/** What the lanes of one slot share. */
export interface LaneServices {
  readonly slot: number;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** A new identifier, unique for ever. */
  readonly newID: () => string;
  readonly sender: Sender;
  readonly claim: SlotClaim;
  readonly writes: ConfirmedWrites;
  readonly retries: RetryStore;
  readonly backlog: BacklogStore;
  readonly deadLetters: DeadLetterStore;
  readonly retryCapacity: RetryCapacity;
  readonly budget: RequestBudget;
  readonly memory: MemoryBudget;
  readonly egress: EgressGuard;
  /** Webhooks that this process delivers for: the whole of which the egress guard takes a share. */
  readonly activeWebhooks: () => number;
  readonly listener: LaneListener;
  readonly logger: Logger;
  /** Reads an event's bytes from EVENTS; undefined when it is gone. Throws `BrokerError`. */
  readonly loadContent: (content: EventContent) => Promise<EventContent | undefined>;
}

export const engineLimits = {
  /** Age from which an unacked event, due retry or backlog entry is parked or held. */
  maxUnackedMs: 2000,
  /** A park is due this much after the longest that the attempt can last. */
  parkMarginMs: 5000,
  /** 2 × `ack_wait`: how long a copy of a delivery may still be under way. */
  memoryMs: 60_000,
  /** Deliveries that a lane keeps in memory before newcomers go to the backlog. */
  laneQueue: 64,
  /** The same while the oldest of them has waited less than {@link movingMs}: a receiver that answers is only behind. */
  movingLaneQueue: 1024,
  movingMs: 1000,
  /**
   * Unacked events of a slot from which pulling pauses, and to which they must fall before it goes on. With what is on its way
   * (`pullWindow`) they fit into the queue of one moving lane: a healthy webhook that is behind never overflows.
   */
  maxUnackedEvents: 512,
  resumeUnackedEvents: 256,
  /** Messages that a consumer is asked for at a time. */
  pullWindow: 256,
  /** Failures in a row from which a lane has concurrency 1 and newcomers wait in the backlog. */
  slowAfterFailures: 5,
  /** Retries that may wait for one webhook; further failures go to its backlog. */
  maxWaitingRetries: 10_000,
} as const;
