import type { VerificationFailure } from '../delivery/verification.ts';
import type { LanePending, WebhookLane } from '../delivery/webhook-lane.ts';
import type { SuccessRecord, WebhookState } from '../delivery/webhook-state.ts';

/** What a lane shows of itself at one moment. */
export interface LaneView {
  readonly state: WebhookState;
  readonly pending: LanePending;
  readonly lastSuccess: SuccessRecord | undefined;
  readonly backlogFull: boolean;
  readonly filterFaults: WebhookLane['filterFaults'];
}

export function laneViewOf(
  lane: Pick<WebhookLane, 'state' | 'pending' | 'lastSuccess' | 'backlogFull' | 'filterFaults'>,
): LaneView {
  const { state, lastSuccess, backlogFull, filterFaults } = lane;
  return { state, pending: lane.pending(), lastSuccess, backlogFull, filterFaults };
}

/** How far the verification of a webhook's present URL got in this process. */
export interface VerificationProgress {
  /** Tries made so far. */
  readonly tries: number;
  readonly lastFailure?: { readonly reason: VerificationFailure; readonly message: string } | undefined;
  /** Milliseconds since the epoch. */
  readonly nextTryAt?: number | undefined;
  /** The last try failed: there is no other until spec or annotation change. */
  readonly exhausted: boolean;
}
