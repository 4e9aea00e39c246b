/**
 * What STATE holds of a webhook, and every transition of it, as pure functions: streak, verdict (Disabled), verification,
 * epoch, the sequence from which events are owed, and what was last handled of the user's switches. `.status` is a
 * projection of this record. Times are milliseconds since the epoch.
 */
import type { FailureReason } from './attempt.ts';
import type { DeliverySettings, ReactivateBy, WebhookConfig } from './webhook-config.ts';

/** Reasons of the condition `Disabled: True`. */
export type DisableReason = 'FailureThresholdReached' | 'RetriesExhausted' | 'ReceiverGone' | 'ReceiverRequested';

/** The operator's decision to stop a webhook; cleared by a person only. */
export interface DisableVerdict {
  readonly reason: DisableReason;
  readonly message: string;
  readonly at: number;
  /** First failure of the streak that led to it: recover from here on. */
  readonly failingSince?: number;
  readonly eventID?: string;
}

export interface Verification {
  /** Hash of the URL that proved itself. */
  readonly urlHash: string;
  readonly reason: 'ChallengeAnswered' | 'HandshakeAnswered' | 'NotRequired';
  readonly at: number;
}

/** From which point of the stream EVENTS a webhook is owed events: those stored after `sequence` of the stream created at `stream`. */
export interface Owed {
  readonly stream: string;
  readonly sequence: number;
}

export interface SuccessRecord {
  readonly at: number;
  readonly eventID: string;
  readonly statusCode: number;
  readonly durationMs: number;
}

export interface FailureRecord {
  readonly at: number;
  readonly eventID: string;
  readonly attempt: number;
  readonly statusCode?: number;
  readonly reason: FailureReason;
  readonly message: string;
}

/** Place of an ordered webhook in its stream. */
export interface OrderedPosition {
  readonly stream: string;
  /** Every event up to this EVENTS sequence is settled. */
  readonly settledThrough: number;
  /** Attempt that the head is at; 1 for a fresh head. */
  readonly attempt: number;
  readonly firstAttemptAt?: number;
  /** When the head's next attempt is due. */
  readonly dueAt?: number;
}

export interface WebhookState {
  readonly namespace: string;
  readonly name: string;
  /** Raised by disable, reactivate and URL change; a result of an older epoch moves no counter. */
  readonly epoch: number;
  /** Failed attempts in a row. */
  readonly streak: number;
  readonly failingSince?: number;
  /** Events that ran out of attempts since the last success or reactivation. */
  readonly exhausted: number;
  readonly verdict?: DisableVerdict;
  readonly lastDisabled?: DisableVerdict;
  /** When and how a person cleared the last verdict. */
  readonly reactivated?: { readonly at: number; readonly by: ReactivateBy };
  readonly verification?: Verification;
  readonly owed?: Owed;
  /** What was last seen of the user's switches: only something newer clears a verdict. */
  /** How its deliveries are kept, fixed when it was first seen; absent in records of before. */
  readonly mode?: 'Ordered' | 'Parallel';
  readonly handled: { readonly annotation?: string; readonly urlHash?: string; readonly generation: number };
  /** Deliveries of this webhook that were lost, ever: refused by a full backlog, or gone from EVENTS before they were sent. */
  readonly lost: number;
  readonly lastSuccess?: SuccessRecord;
  readonly lastFailure?: FailureRecord;
  readonly ordered?: OrderedPosition;
}

/** What a change of state means to the world: a Kubernetes Event, an operational event, a metric. */
export type Transition =
  | { readonly kind: 'Verified'; readonly reason: Verification['reason'] }
  | { readonly kind: 'Failing'; readonly failure: FailureRecord; readonly streak: number }
  | { readonly kind: 'Warned'; readonly streak: number }
  | { readonly kind: 'Healthy' }
  | { readonly kind: 'Disabled'; readonly verdict: DisableVerdict }
  | { readonly kind: 'Reactivated'; readonly by: ReactivateBy };

export interface Change {
  readonly state: WebhookState;
  readonly transitions: readonly Transition[];
}

const none: readonly Transition[] = [];

/** State of a webhook seen for the first time; an annotation that is already there counts as handled. */
export function initialState(config: WebhookConfig): WebhookState {
  return {
    namespace: config.namespace,
    name: config.name,
    epoch: 1,
    streak: 0,
    exhausted: 0,
    lost: 0,
    mode: config.delivery.ordered ? 'Ordered' : 'Parallel',
    handled: handledOf(config),
  };
}

function handledOf(config: WebhookConfig, previous?: WebhookState['handled']): WebhookState['handled'] {
  const urlHash = config.target?.urlHash ?? previous?.urlHash;
  return {
    generation: config.generation,
    ...(config.reactivateAnnotation === undefined ? {} : { annotation: config.reactivateAnnotation }),
    ...(urlHash === undefined ? {} : { urlHash }),
  };
}

/**
 * Applies what the user changed: clears a verdict when a switch that `reactivateBy` lists is newer than what was handled,
 * and raises the epoch when the URL is another. Returns the same object when nothing changed.
 */
export function configApplied(state: WebhookState, config: WebhookConfig, now: number): Change {
  const handled = handledOf(config, state.handled);
  const urlChanged = state.handled.urlHash !== undefined && handled.urlHash !== state.handled.urlHash;
  const by = state.verdict === undefined ? undefined : reactivation(state, config);
  // A URL that comes back has to prove itself again: it may be somebody else's by now.
  const current = urlChanged ? withoutVerification(state) : state;
  if (by !== undefined) {
    return { state: reactivated(current, by, handled, now), transitions: [{ kind: 'Reactivated', by }] };
  }
  if (urlChanged) {
    return { state: { ...current, epoch: state.epoch + 1, handled }, transitions: none };
  }
  const same =
    handled.generation === state.handled.generation &&
    handled.annotation === state.handled.annotation &&
    handled.urlHash === state.handled.urlHash;
  return { state: same ? state : { ...state, handled }, transitions: none };
}

function withoutVerification({ verification: _verification, ...rest }: WebhookState): WebhookState {
  return rest;
}

function reactivation(state: WebhookState, config: WebhookConfig): ReactivateBy | undefined {
  const ways = config.delivery.disable.reactivateBy;
  const { handled } = state;
  if (ways.includes('Toggle') && config.suspend && config.generation > handled.generation) return 'Toggle';
  if (
    ways.includes('Annotation') &&
    config.reactivateAnnotation !== undefined &&
    config.reactivateAnnotation !== handled.annotation
  ) {
    return 'Annotation';
  }
  const urlHash = config.target?.urlHash;
  if (ways.includes('URLChange') && urlHash !== undefined && urlHash !== handled.urlHash) return 'URLChange';
  return undefined;
}

function reactivated(
  state: WebhookState,
  by: ReactivateBy,
  handled: WebhookState['handled'],
  now: number,
): WebhookState {
  // `lastDisabled` has been the verdict since it was made.
  const { verdict: _verdict, failingSince: _failingSince, ordered, ...rest } = state;
  return {
    ...rest,
    epoch: state.epoch + 1,
    streak: 0,
    exhausted: 0,
    handled,
    reactivated: { at: now, by },
    ...(ordered === undefined ? {} : { ordered: restartedHead(ordered) }),
  };
}

function restartedHead(ordered: OrderedPosition): OrderedPosition {
  return { stream: ordered.stream, settledThrough: ordered.settledThrough, attempt: 1 };
}

/**
 * The URL with this hash has proved itself. The first time, events stored after `owed` are owed from now on; later the
 * point stays where it was: what came meanwhile was held.
 */
export function verified(state: WebhookState, verification: Verification, owed: Owed): Change {
  return {
    state: { ...state, verification, owed: state.owed ?? owed },
    transitions: [{ kind: 'Verified', reason: verification.reason }],
  };
}

/** Whether deliveries are kept in order: as it was when the webhook was first seen, whatever spec and class say by now. */
export function isOrdered(
  state: Pick<WebhookState, 'mode'> | undefined,
  config: Pick<WebhookConfig, 'delivery'>,
): boolean {
  return state?.mode === undefined ? config.delivery.ordered : state.mode === 'Ordered';
}

/** Whether the URL in the spec has proved itself as far as the class asks for it now. */
export function isVerified(
  state: Pick<WebhookState, 'owed' | 'verification'>,
  config: Pick<WebhookConfig, 'target' | 'verification'>,
): boolean {
  return hasProved(state, config.target?.urlHash, config.verification);
}

/** The same for a URL of which no more than its hash is known; undefined `urlHash` = there is none. */
export function hasProved(
  { owed, verification }: Pick<WebhookState, 'owed' | 'verification'>,
  urlHash: string | undefined,
  method: WebhookConfig['verification'],
): boolean {
  if (urlHash === undefined || owed === undefined || verification?.urlHash !== urlHash) return false;
  return verification.reason !== 'NotRequired' || method === 'None';
}

export interface AttemptContext {
  /** Epoch of the state when the attempt began. */
  readonly epoch: number;
  readonly settings: DeliverySettings;
  readonly exempt: boolean;
  readonly now: number;
  /** While an outage of our own egress is suspected no threshold disables. */
  readonly thresholdsPaused: boolean;
}

/** A success of the current epoch resets the streak; one of an older epoch changes nothing. */
export function attemptSucceeded(
  state: WebhookState,
  epoch: number,
  success: SuccessRecord,
  failingAfter: number,
): Change {
  if (epoch !== state.epoch) return { state, transitions: none };
  if (state.streak === 0 && state.exhausted === 0)
    return { state: { ...state, lastSuccess: success }, transitions: none };
  const { failingSince: _failingSince, ...rest } = state;
  return {
    state: { ...rest, streak: 0, exhausted: 0, lastSuccess: success },
    transitions: isFailing(state, failingAfter) ? [{ kind: 'Healthy' }] : none,
  };
}

/** Whether the condition `Failing` is True. */
export function isFailing(state: WebhookState, failingAfter: number): boolean {
  return failingAfter > 0 && state.streak >= failingAfter;
}

/**
 * A failed attempt. `counts` is false for faults that are not the receiver's (a pause it asked for, our own side): they
 * show as the last failure and move no counter.
 */
export function attemptFailed(
  state: WebhookState,
  context: AttemptContext,
  failure: FailureRecord,
  counts: boolean,
): Change {
  if (context.epoch !== state.epoch) return { state, transitions: none };
  if (!counts) return { state: { ...state, lastFailure: failure }, transitions: none };
  const { disable } = context.settings;
  const streak = state.streak + 1;
  const failingSince = state.streak === 0 ? failure.at : (state.failingSince ?? failure.at);
  const next: WebhookState = { ...state, streak, failingSince, lastFailure: failure };
  const transitions: Transition[] = [];
  if (disable.failingAfter > 0 && streak === disable.failingAfter)
    transitions.push({ kind: 'Failing', failure, streak });
  if (disable.warnAfter > 0 && streak === disable.warnAfter) transitions.push({ kind: 'Warned', streak });
  const reached =
    disable.afterConsecutiveFailures > 0 &&
    streak >= disable.afterConsecutiveFailures &&
    context.now - failingSince >= disable.minFailingDurationMs;
  if (!reached || context.exempt || context.thresholdsPaused || state.verdict !== undefined) {
    return { state: next, transitions };
  }
  const change = disabled(next, context, {
    reason: 'FailureThresholdReached',
    message: `${streak} attempts in a row failed; the last: ${failure.message}`,
    eventID: failure.eventID,
  });
  return { state: change.state, transitions: [...transitions, ...change.transitions] };
}

/** An event ran out of attempts. Disables when the class says so after this many. */
export function eventExhausted(state: WebhookState, context: AttemptContext, eventID: string, message: string): Change {
  if (context.epoch !== state.epoch) return { state, transitions: none };
  const exhausted = state.exhausted + 1;
  const next: WebhookState = { ...state, exhausted };
  const limit = context.settings.disable.afterExhaustedEvents;
  if (limit === 0 || exhausted < limit || context.exempt || context.thresholdsPaused || state.verdict !== undefined) {
    return { state: next, transitions: none };
  }
  return disabled(next, context, {
    reason: 'RetriesExhausted',
    message: `${exhausted === 1 ? 'An event' : `${exhausted} events`} ran out of attempts; the last: ${message}`,
    eventID,
  });
}

/** The receiver itself asked to be disabled (a 410, a rule with action Disable): also for an exempt webhook. */
export function receiverDisabled(
  state: WebhookState,
  context: Pick<AttemptContext, 'epoch' | 'now'>,
  cause: { readonly reason: 'ReceiverGone' | 'ReceiverRequested'; readonly message: string; readonly eventID: string },
): Change {
  if (context.epoch !== state.epoch || state.verdict !== undefined) return { state, transitions: none };
  return disabled(state, context, cause);
}

function disabled(
  state: WebhookState,
  context: Pick<AttemptContext, 'now'>,
  cause: { readonly reason: DisableReason; readonly message: string; readonly eventID: string },
): Change {
  const verdict: DisableVerdict = {
    ...cause,
    at: context.now,
    ...(state.failingSince === undefined ? {} : { failingSince: state.failingSince }),
  };
  return {
    state: { ...state, epoch: state.epoch + 1, verdict, lastDisabled: verdict },
    transitions: [{ kind: 'Disabled', verdict }],
  };
}
