/**
 * What one attempt is made of and what came of it. Shared by the sender (I/O), the classifier and the lane.
 */

/** Why an attempt failed; the closed list shown in status, log and metrics (`docs/delivery.md`). */
export const failureReasons = [
  'HTTPStatus',
  'Redirect',
  'Timeout',
  'ConnectionRefused',
  'ConnectionReset',
  'ConnectionFailed',
  'TLSError',
  'DNSError',
  'AddressBlocked',
  'InvalidResponse',
  'PayloadInvalid',
  'SecretNotFound',
] as const;
export type FailureReason = (typeof failureReasons)[number];

/** A request as the sender gets it: final bytes and headers. */
export interface OutgoingRequest {
  readonly method: 'POST' | 'OPTIONS';
  readonly url: string;
  /** Flat name, value, name, value, … as undici takes it. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | undefined;
  readonly connectTimeoutMs: number;
  readonly totalTimeoutMs: number;
  readonly allowedCIDRs: readonly string[];
  /** How many bytes of the response body are kept; reading stops there. Defaults to 4096. */
  readonly maxResponseBytes?: number;
}

/** What the receiver answered, or how the request failed before it answered. */
export type RequestResult =
  | {
      readonly kind: 'Response';
      readonly statusCode: number;
      /** Looks a response header up, name in lower case; undefined when absent. */
      readonly headers: Readonly<Record<string, string>>;
      /** The first bytes of the body, for messages; empty for a 2xx unless `maxResponseBytes` was given. */
      readonly body: Uint8Array;
      /** Why `body` is not all of it; absent when it is, or when nobody wanted it. */
      readonly incomplete?: IncompleteBody;
      readonly durationMs: number;
    }
  | {
      readonly kind: 'Error';
      readonly reason: Exclude<FailureReason, 'HTTPStatus' | 'Redirect' | 'SecretNotFound'>;
      readonly message: string;
      readonly durationMs: number;
    };

/** The body went over the limit, did not end before the deadline, or broke off. */
export type IncompleteBody = 'Limit' | 'Timeout' | 'Reset';

/** The I/O port of the engine towards receivers. Never throws: every fault is a {@link RequestResult}. */
export interface Sender {
  send(request: OutgoingRequest): Promise<RequestResult>;
}
