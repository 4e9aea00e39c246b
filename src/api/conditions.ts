import { z } from 'zod';
import type { FailureReason } from '../delivery/attempt.ts';
import type { HoldReason } from '../delivery/webhook-config.ts';
import { formatTime, timeSchema } from './time.ts';

const failureMeanings = {
  HTTPStatus: 'The receiver answered with a status other than 2xx.',
  Redirect: 'The receiver answered with a redirect (3xx); redirects are never followed.',
  Timeout: 'No connection or no status line came within the time-out.',
  ConnectionRefused: 'The host refused the connection.',
  ConnectionReset: 'The connection broke before a status line came.',
  ConnectionFailed: 'The connection failed in another way.',
  TLSError: 'The TLS handshake failed, for example because the certificate is not trusted or has expired.',
  DNSError: 'The name of the host could not be resolved.',
  AddressBlocked: 'The address of the host is not allowed by the class (network.allowedCIDRs).',
  InvalidResponse: 'The response was not valid HTTP.',
  PayloadInvalid: 'The request could not be built from the event; such a delivery is a dead letter at once.',
  SecretNotFound: 'A Secret that the request needs was missing.',
} as const satisfies Record<FailureReason, string>;

const holdMeanings = {
  InvalidSpec: 'The spec breaks a rule of the API or of the class; the message names the field and says what to do.',
  ClassNotFound: 'The WebhookClass does not exist, or no class is marked as default.',
  SourceConflict: 'The class has another source than the one that the webhook was bound to when it was first seen.',
  SecretNotFound: 'A Secret or a key of it does not exist.',
  SecretNotAllowed: 'A Secret is not labelled webhook-operator.dev/usable: "true".',
  SecretInvalid: 'The value of a Secret can not be used: a control character, or not a URL or a key.',
} as const satisfies Record<Exclude<HoldReason, 'Suspended'>, string>;

/**
 * Every condition of a Webhook: type, status, and the closed list of reasons with what each means. The tables of the
 * documentation are checked against it. Reasons are part of the API: add, never rename.
 */
export const conditionReasons = {
  Verified: {
    True: {
      ChallengeAnswered: 'The receiver answered the challenge.',
      HandshakeAnswered: 'The receiver answered the CloudEvents handshake.',
      NotRequired: 'The class asks for no verification.',
    },
    False: {
      ChallengeMismatch: 'The receiver answered with another text than the token alone.',
      ConnectionFailed: 'No connection could be made, or it broke.',
      TLSError: failureMeanings.TLSError,
      DNSError: failureMeanings.DNSError,
      Timeout: 'No answer came within 10 seconds.',
      HTTPStatus: 'The receiver answered with a status other than 2xx, redirects included.',
      AddressBlocked: failureMeanings.AddressBlocked,
      InvalidResponse: 'The answer could not be read: not JSON, too long, or not valid HTTP.',
    },
    Unknown: { Verifying: 'The first try is under way, or waits for something that Active names.' },
  },
  Active: {
    True: { Delivering: 'Events are being delivered.' },
    False: {
      NotVerified: 'The URL has not proved itself; see Verified.',
      Suspended: 'spec.suspend is true.',
      Disabled: 'The operator stopped it; see Disabled.',
      ...holdMeanings,
    },
  },
  Disabled: {
    True: {
      FailureThresholdReached:
        'delivery.disable.afterConsecutiveFailures attempts failed in a row, over long enough a time.',
      RetriesExhausted: 'delivery.disable.afterExhaustedEvents events in a row ran out of attempts.',
      ReceiverGone: 'The receiver answered with a status that a response rule turns into Disable, like 410.',
      ReceiverRequested: 'The receiver asked for it in the body or a header of its response.',
    },
    False: {
      NotDisabled: 'It was never disabled.',
      Reactivated: 'A person re-enabled it.',
    },
  },
  Failing: {
    True: failureMeanings,
    False: { Healthy: 'Fewer than delivery.disable.failingAfter attempts failed in a row.' },
  },
  BacklogFull: {
    True: {
      LimitReached: 'The stream refused to hold more for this webhook: deliveries were lost, see status.pending.lost.',
    },
  },
  Ready: {
    True: {
      Delivering: 'Events are being delivered.',
      Suspended: 'The user suspended it: that is what the spec asks for.',
    },
    False: {
      NotVerified: 'The URL has not proved itself; see Verified.',
      Disabled: 'The operator stopped it; see Disabled.',
      ...holdMeanings,
    },
    Unknown: { Verifying: 'The URL is being verified.' },
  },
  Reconciling: {
    True: {
      Verifying: 'The URL is being verified, or will be tried again.',
      ClassNotFound: holdMeanings.ClassNotFound,
      SecretNotFound: holdMeanings.SecretNotFound,
      SecretNotAllowed: holdMeanings.SecretNotAllowed,
      SecretInvalid: holdMeanings.SecretInvalid,
    },
  },
  Stalled: {
    True: {
      InvalidSpec: holdMeanings.InvalidSpec,
      SourceConflict: holdMeanings.SourceConflict,
      Disabled: 'The operator stopped it; only a person re-enables it.',
      NotVerified: 'The last try to verify the URL failed; it is tried again when spec or annotation change.',
    },
  },
} as const;

/** The conditions of a WebhookClass, in the form of {@link conditionReasons}. */
export const classConditionReasons = {
  Ready: {
    True: { Valid: 'Webhooks can use the class.' },
    False: { InvalidSpec: 'The spec breaks a rule; Webhooks keep the last valid behaviour.' },
  },
} as const;

export type ConditionStatus = 'True' | 'False' | 'Unknown';
export type ConditionType = keyof typeof conditionReasons;

type Statuses<R, T extends keyof R> = keyof R[T] & ConditionStatus;
type Declared<R> = {
  [T in keyof R]: {
    [S in Statuses<R, T>]: { readonly type: T; readonly status: S; readonly reason: keyof R[T][S] & string };
  }[Statuses<R, T>];
}[keyof R];

interface Observation {
  readonly message: string;
  /** `metadata.generation` that was looked at. */
  readonly observedGeneration: number;
}

/** A declared combination of type, status and reason of a Webhook's condition, with what was observed. */
export type NewCondition = Declared<typeof conditionReasons> & Observation;
/** The same of a WebhookClass. */
export type NewClassCondition = Declared<typeof classConditionReasons> & Observation;

/** The reasons of a condition type, of one status or of all. */
export type ConditionReason<T extends ConditionType, S extends ConditionStatus = ConditionStatus> = Extract<
  Declared<typeof conditionReasons>,
  { type: T; status: S }
>['reason'];

const maxMessageLength = 32_768;

/** Kubernetes' `metav1.Condition`. */
export const conditionSchema = z.object({
  type: z.string().min(1).max(316).describe('type of the condition, like Active.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('status of the condition: True, False or Unknown.'),
  observedGeneration: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .describe('observedGeneration is the metadata.generation that the condition is about.')
    .optional(),
  lastTransitionTime: timeSchema.describe('lastTransitionTime is when status changed last.'),
  reason: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
    .describe('reason is why, in one word of a closed, documented list.'),
  message: z.string().max(maxMessageLength).describe('message is why, for people.'),
});
export type Condition = z.output<typeof conditionSchema>;

export const conditionsSchema = z
  .array(conditionSchema)
  .max(16)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });

export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: ConditionType,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/**
 * The list with one condition added or replaced in its place. `lastTransitionTime` moves to `nowMs` only when `status`
 * changes; a list that says the same already is returned itself, so that `===` tells whether there is something to write.
 */
export function setCondition(
  conditions: readonly Condition[],
  next: NewCondition | NewClassCondition,
  nowMs: number,
): readonly Condition[] {
  const index = conditions.findIndex((condition) => condition.type === next.type);
  const current = conditions[index];
  const message = next.message.slice(0, maxMessageLength);
  if (
    current?.status === next.status &&
    current.reason === next.reason &&
    current.message === message &&
    current.observedGeneration === next.observedGeneration
  ) {
    return conditions;
  }
  const condition: Condition = {
    type: next.type,
    status: next.status,
    observedGeneration: next.observedGeneration,
    lastTransitionTime: current?.status === next.status ? current.lastTransitionTime : formatTime(nowMs),
    reason: next.reason,
    message,
  };
  return index === -1 ? [...conditions, condition] : conditions.with(index, condition);
}

/** The list without the conditions of a type; the list itself when there are none. */
export function removeCondition(conditions: readonly Condition[], type: ConditionType): readonly Condition[] {
  const rest = conditions.filter((condition) => condition.type !== type);
  return rest.length === conditions.length ? conditions : rest;
}
