import type { KeyObject } from 'node:crypto';

/** A Webhook's `delivery` merged leaf by leaf over its class's; durations in milliseconds. The fields are the API's of the same names. */
export interface DeliverySettings {
  readonly timeouts: { readonly connectMs: number; readonly totalMs: number };
  readonly retry: {
    /** Delay before attempt 2, 3, …; empty = one attempt. */
    readonly scheduleMs: readonly number[];
    readonly jitterPercent: number;
    readonly retryAfterMaxMs: number;
  };
  /** First match wins; a 2xx never reaches them. */
  readonly responses: readonly ResponseRule[];
  readonly disable: {
    /** Failures in a row from which `Failing` is True. 0 = never. */
    readonly failingAfter: number;
    readonly warnAfter: number;
    readonly afterConsecutiveFailures: number;
    readonly minFailingDurationMs: number;
    readonly afterExhaustedEvents: number;
    readonly reactivateBy: readonly ReactivateBy[];
  };
  readonly whileInactive: 'Keep' | 'Drop';
  readonly concurrency: number;
  /** `requests` 0 = no limit. */
  readonly rateLimit: { readonly requests: number; readonly perMs: number };
  readonly ordered: boolean;
}

export interface ResponseRule {
  /** Codes (`"410"`) or classes (`"4xx"`). */
  readonly statusCodes: readonly string[];
  readonly action: 'Retry' | 'Reject' | 'Disable';
}
export type ReactivateBy = 'Toggle' | 'Annotation' | 'URLChange';
export type PayloadFormat = 'Raw' | 'Event' | 'StandardWebhooks' | 'CloudEventsStructured' | 'CloudEventsBinary';
export type VerificationMethod = 'Challenge' | 'CloudEventsHandshake' | 'None';

/** A signing key with its scheme already read from the Secret's bytes (`whsec_…` = HMAC-SHA256, `whsk_…` = ed25519, else raw HMAC key). */
export interface SigningKey {
  readonly algorithm: 'hmac-sha256' | 'ed25519';
  readonly key: KeyObject;
}

/** What decides whether a URL's address may be connected to; equal policies share an Agent. */
export interface NetworkPolicy {
  readonly allowedCIDRs: readonly string[];
}

/** A compiled CEL filter over type, data, headers, id, time. Throws on evaluation errors (the caller counts them: no match). */
export interface CompiledFilter {
  readonly source: string;
  matches(event: FilterInput): boolean;
}
export interface FilterInput {
  readonly type: string;
  /** The parsed JSON body; undefined when the body is not JSON. */
  readonly data: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly id: string;
  /** Stored time, RFC 3339. */
  readonly time: string;
}

/** Everything a request needs that may change between attempts: read again for each one. */
export interface Target {
  readonly url: string;
  /** `sha256:` + hex of the URL. */
  readonly urlHash: string;
  /** The user's headers, Secrets resolved, in spec order. */
  readonly headers: readonly (readonly [string, string])[];
  /** First = primary; empty = unsigned. */
  readonly signingKeys: readonly SigningKey[];
  readonly signingScheme: 'StandardWebhooks' | 'None';
  readonly payloadFormat: PayloadFormat;
  readonly network: NetworkPolicy;
  /** Secret values in `url` and `headers`: masked in whatever a receiver says back. */
  readonly secretValues: readonly string[];
}

/** One Webhook as the engine knows it: spec, class and Secrets resolved by control. Replaced as a whole on every change. */
export interface WebhookConfig {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  /** The token of `events.<partition>.<source>.<type>` that this webhook listens to. */
  readonly source: string;
  readonly patterns: readonly string[];
  readonly filter?: CompiledFilter;
  readonly delivery: DeliverySettings;
  /** Never disabled by failures. */
  readonly exempt: boolean;
  /** `spec.suspend`: held, and seen as a person's toggle. */
  readonly suspend: boolean;
  /** Value of the annotation `webhook-operator.dev/reactivate`; absent when there is none. */
  readonly reactivateAnnotation?: string;
  /** Whether `verification.method` is None: the URL counts as verified without a request. */
  readonly verification: VerificationMethod;
  /** Absent while control can't build it (Secret or class missing): then `hold` says why. */
  readonly target?: Target;
  /** Why control wants no deliveries now, although the webhook may be owed events; absent = deliver. */
  readonly hold?: HoldReason;
}

/** Reasons of `Active: False` that control decides; `Disabled` and `NotVerified` follow from STATE. */
export type HoldReason =
  | 'Suspended'
  | 'InvalidSpec'
  | 'ClassNotFound'
  | 'SourceConflict'
  | 'SecretNotFound'
  | 'SecretNotAllowed'
  | 'SecretInvalid';
