import type { WebhookStatus } from '../api/webhook-status.ts';
import { lastStatusCode } from '../api/webhook-status.ts';
import { formatTime } from '../api/time.ts';
import type { DisableVerdict, FailureRecord, SuccessRecord } from '../delivery/webhook-state.ts';
import type { LaneView, VerificationProgress } from './lane-view.ts';
import type { Resolution } from './resolution.ts';
import { projectConditions } from './webhook-conditions.ts';

export interface ProjectionInput {
  /** `.status` as it stands. */
  readonly previous: WebhookStatus | undefined;
  readonly resolution: Resolution;
  /** Undefined when this replica does not work the webhook's slot, or there is no lane: what `previous` says of it stays. */
  readonly lane: LaneView | undefined;
  /** Undefined when nothing is being tried. */
  readonly verification: VerificationProgress | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Longest `status.lastHandledReactivation` that the API takes. */
const maxAnnotationLength = 4096;
/** Highest `status.lastFailure.attempt` that the API takes. */
const maxAttempt = 1000;

/** The whole `.status` of a Webhook. Pure: the same input gives the same status. */
export function projectStatus(input: ProjectionInput): WebhookStatus {
  const { previous, resolution, lane } = input;
  const { className, source } = resolution;
  return {
    observedGeneration: resolution.generation,
    ...(className === undefined ? {} : { className }),
    ...(source === undefined ? {} : { source }),
    conditions: [...projectConditions(input)],
    ...(lane === undefined ? keptOf(previous) : deliveryOf(lane)),
  };
}

/**
 * Whether `next` says something that users wait for, to be written within 1 s, rather than within 30 s: a condition has
 * come, gone or changed its status or reason, or another generation was looked at. The reason of a webhook that goes on
 * failing does not count: it may change with every attempt.
 */
export function isTransition(previous: WebhookStatus | undefined, next: WebhookStatus): boolean {
  if (previous?.observedGeneration !== next.observedGeneration) return true;
  return signatureOf(previous) !== signatureOf(next);
}

function signatureOf(status: WebhookStatus | undefined): string {
  const parts = (status?.conditions ?? []).map(({ type, status, reason }) =>
    type === 'Failing' ? `${type}=${status}` : `${type}=${status}/${reason}`,
  );
  return parts.sort().join(' ');
}

type DeliveryStatus = Omit<WebhookStatus, 'observedGeneration' | 'className' | 'source' | 'conditions'>;

function keptOf(previous: WebhookStatus | undefined): DeliveryStatus {
  const { observedGeneration: _1, className: _2, source: _3, conditions: _4, ...kept } = previous ?? {};
  return kept;
}

function deliveryOf({ state, pending, lastSuccess }: LaneView): DeliveryStatus {
  const { lastFailure, lastDisabled, failingSince, verification, handled } = state;
  // To the millisecond: a success may follow a failure within a second.
  const statusCode = lastStatusCode({
    ...(lastSuccess === undefined ? {} : { lastSuccess: successOf(lastSuccess, preciseTime) }),
    ...(lastFailure === undefined ? {} : { lastFailure: failureOf(lastFailure, preciseTime) }),
  });
  return {
    ...(verification === undefined ? {} : { verifiedURLHash: verification.urlHash }),
    consecutiveFailures: state.streak,
    ...(failingSince === undefined ? {} : { failingSince: formatTime(failingSince) }),
    ...(statusCode === undefined ? {} : { lastStatusCode: statusCode }),
    ...(lastSuccess === undefined ? {} : { lastSuccess: successOf(lastSuccess, formatTime) }),
    ...(lastFailure === undefined ? {} : { lastFailure: failureOf(lastFailure, formatTime) }),
    ...(lastDisabled === undefined ? {} : { lastDisabled: disabledOf(lastDisabled) }),
    pending: { ...pending },
    ...(handled.annotation === undefined
      ? {}
      : { lastHandledReactivation: handled.annotation.slice(0, maxAnnotationLength) }),
  };
}

const preciseTime = (ms: number): string => new Date(ms).toISOString();

function successOf(
  { at, eventID, statusCode, durationMs }: SuccessRecord,
  timeOf: (ms: number) => string,
): NonNullable<WebhookStatus['lastSuccess']> {
  return { time: timeOf(at), eventID, statusCode, durationMilliseconds: Math.round(durationMs) };
}

function failureOf(
  { at, attempt, ...rest }: FailureRecord,
  timeOf: (ms: number) => string,
): NonNullable<WebhookStatus['lastFailure']> {
  return { time: timeOf(at), attempt: Math.min(attempt, maxAttempt), ...rest };
}

function disabledOf({ at, failingSince, ...rest }: DisableVerdict): NonNullable<WebhookStatus['lastDisabled']> {
  return {
    time: formatTime(at),
    ...(failingSince === undefined ? {} : { failingSince: formatTime(failingSince) }),
    ...rest,
  };
}
