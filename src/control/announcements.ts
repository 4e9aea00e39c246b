/** What the world hears of a fact: Kubernetes Events for who runs `kubectl describe`, operational events for programs. */
import { eventReasons, type EventReason } from '../api/event-reasons.ts';
import { annotations } from '../api/metadata.ts';
import { formatTime } from '../api/time.ts';
import { operationalPrefix } from '../delivery/pattern.ts';
import { printableText } from '../delivery/printable.ts';
import type { LossReason } from '../delivery/lane-services.ts';
import type { ReactivateBy } from '../delivery/webhook-config.ts';
import type { FailureRecord, Transition, Verification } from '../delivery/webhook-state.ts';
import type { VerificationFailure } from '../delivery/verification.ts';
import { eventSubject } from '../jetstream/subjects.ts';
import type { AnnouncedWebhook, Announcement, EventNote, OperationalEvent } from './announcement.ts';

/** A limit of `events.k8s.io/v1`. */
const maxNoteBytes = 1024;

/** Whether an event is one of the operator's own: what comes of its delivery is never published again, or it would never end. */
export function isOperational(eventType: string | undefined): boolean {
  return eventType?.startsWith(operationalPrefix) ?? false;
}

/**
 * @param eventType of the event whose attempt caused the transition; undefined when none did.
 * @param now milliseconds since the epoch.
 */
export function announceTransition(
  webhook: AnnouncedWebhook,
  transition: Transition,
  eventType: string | undefined,
  now: number,
): Announcement {
  const announcement = transitionOf(webhook, transition, now);
  if (!isOperational(eventType)) return announcement;
  const { operational: _operational, ...rest } = announcement;
  return rest;
}

function transitionOf(webhook: AnnouncedWebhook, transition: Transition, now: number): Announcement {
  const publish = (what: OperationalKind, facts: object) => operationalEvent(webhook, what, now, facts);
  switch (transition.kind) {
    case 'Verified':
      return {
        event: noteOf('Verified', 'Verify', `${proofs[transition.reason]}: events are delivered from now on.`),
        operational: publish('verified', {}),
      };
    case 'Failing': {
      const { failure, streak } = transition;
      const note = `${streak === 1 ? 'An attempt' : `${streak} attempts in a row`} failed; the last: ${failure.message}`;
      return {
        event: noteOf('DeliveryFailing', 'Deliver', note),
        operational: publish('failing', { consecutiveFailures: streak, lastFailure: failureOf(failure) }),
      };
    }
    case 'Warned': {
      const { streak } = transition;
      const note = `${streak} attempts in a row failed; what comes next is in its condition Failing`;
      return {
        event: noteOf('DeliveryFailing', 'Deliver', note),
        operational: publish('failing', { consecutiveFailures: streak }),
      };
    }
    case 'Disabled': {
      const { reason, message, failingSince, eventID } = transition.verdict;
      const since = failingSince === undefined ? {} : { failingSince: formatTime(failingSince) };
      return {
        event: noteOf('Disabled', 'Disable', `${reason}: ${message}`),
        operational: publish('disabled', { reason, message, ...since, ...(eventID === undefined ? {} : { eventID }) }),
      };
    }
    case 'Reactivated':
      return {
        event: noteOf('Reactivated', 'Reactivate', `Re-enabled by ${reactivators[transition.by]}.`),
        operational: publish('reactivated', { by: transition.by }),
      };
    case 'Healthy':
    default:
      return {};
  }
}

const proofs = {
  ChallengeAnswered: 'The URL has proved itself',
  HandshakeAnswered: 'The URL has proved itself',
  NotRequired: 'The class asks for no verification',
} as const satisfies Record<Verification['reason'], string>;

const reactivators: Readonly<Record<ReactivateBy, string>> = {
  Toggle: 'spec.suspend: true',
  Annotation: `a new value of the annotation ${annotations.reactivate}`,
  URLChange: 'another URL',
};

/** @param nextTryAt milliseconds since the epoch; undefined when it was the last try. */
export function announceVerificationFailure(
  failure: { readonly reason: VerificationFailure; readonly message: string },
  nextTryAt: number | undefined,
): Announcement {
  const next =
    nextTryAt === undefined
      ? 'it is not tried again before the spec or the annotation changes'
      : `it is tried again at ${formatTime(nextTryAt)}`;
  return { event: noteOf('VerificationFailed', 'Verify', `${failure.reason}: ${failure.message}; ${next}`) };
}

/** A delivery that became a dead letter. */
export interface DeadLetterFact {
  readonly eventType: string;
  readonly eventID: string;
  readonly reason: string;
  readonly message: string;
}

/**
 * Dead letters of one webhook since the last announcement.
 * @param count all of them.
 * @param announced those whose events are not the operator's own, with the last of them.
 */
export function announceDeadLetters(
  webhook: AnnouncedWebhook,
  count: number,
  last: DeadLetterFact,
  announced: { readonly count: number; readonly last: DeadLetterFact } | undefined,
  now: number,
): Announcement {
  const many = count === 1 ? 'A delivery was given up' : `${count} deliveries were given up`;
  const note = `${many} and kept as dead letter; the last: event ${last.eventID}, ${last.message}`;
  const event = noteOf('DeadLettered', 'Deliver', note);
  if (announced === undefined) return { event };
  const { eventType, eventID, reason, message } = announced.last;
  const facts = { count: announced.count, last: { eventType, eventID, reason, message } };
  return { event, operational: operationalEvent(webhook, 'deadlettered', now, facts) };
}

const losses: Readonly<Record<LossReason, string>> = {
  BacklogFull: 'its backlog is full: let the receiver work again, or have fewer events delivered',
  BacklogExpired:
    'they had been held for longer than the stream of held deliveries keeps them: re-enable it sooner, or raise the limits',
  Expired: 'they left the stream of events before they could be sent: raise its limits, or find what kept the operator',
};

export function announceLoss(reason: LossReason, count: number): Announcement {
  const many = count === 1 ? 'A delivery was lost' : `${count} deliveries were lost`;
  return { event: noteOf('EventsLost', 'Deliver', `${many}, because ${losses[reason]}`) };
}

function noteOf(reason: EventReason, action: string, note: string): EventNote {
  return { reason, type: eventReasons[reason].type, action, note: printableText(note, maxNoteBytes) };
}

type OperationalKind = 'verified' | 'failing' | 'disabled' | 'reactivated' | 'deadlettered';

function operationalEvent(
  { namespace, name, uid }: AnnouncedWebhook,
  what: OperationalKind,
  now: number,
  facts: object,
): OperationalEvent {
  return {
    subject: eventSubject(namespace, `${operationalPrefix}${what}`),
    body: { webhook: { namespace, name, uid }, time: formatTime(now), ...facts },
  };
}

function failureOf({ at, ...rest }: FailureRecord): object {
  return { time: formatTime(at), ...rest };
}
