import { OperatorError, messageOf } from '../errors.ts';

/** Why no answer of the API server was seen. */
export type TransportReason = 'ConnectionFailed' | 'Timeout' | 'Aborted' | 'CredentialsFailed';

interface ApiErrorFields {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A call to the API server that did not succeed. `status` is the HTTP status, 0 when no answer was seen; `reason` is the
 * `reason` of the server's Status object (`NotFound`, `Conflict`, `Expired`, …) or a {@link TransportReason}.
 */
export class ApiError extends OperatorError {
  readonly code = 'WHO_KUBERNETES_API';
  readonly status: number;
  readonly reason: string;
  /** What the server asked us to wait, in milliseconds; undefined when it did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(fields: ApiErrorFields) {
    super(fields.message, { cause: fields.cause });
    this.status = fields.status;
    this.reason = fields.reason;
    this.retryAfterMs = fields.retryAfterMs;
  }
}

/** True when `error` is the API server's answer with this HTTP status. */
export function hasStatus(error: unknown, status: number): boolean {
  return error instanceof ApiError && error.status === status;
}

/**
 * True when the same call may succeed later without anybody changing anything: no answer, too many requests, or a fault
 * of the server.
 */
export function isTransient(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
}

/** The error for an HTTP answer of 400 or above. `body` is the answer's text: a Status object, or anything a proxy says. */
export function errorFromResponse(
  status: number,
  body: string,
  retryAfter: string | undefined,
  wallClockMs: number,
): ApiError {
  const parsed = parseStatus(body);
  const seconds = parsed?.details?.retryAfterSeconds;
  const reason = parsed?.reason ?? reasonOf(status);
  return new ApiError({
    status,
    reason,
    message: parsed?.message ?? `the API server answered ${status}${body === '' ? '' : `: ${body.slice(0, 200)}`}`,
    retryAfterMs:
      parseRetryAfter(retryAfter, wallClockMs) ?? (seconds !== undefined && seconds > 0 ? seconds * 1000 : undefined),
  });
}

/** The error inside a watch stream that answered 200: an `ERROR` event carries a Status object. */
export function errorFromStatusObject(object: unknown): ApiError {
  const status = isStatus(object) ? object : {};
  const code = status.code ?? 500;
  const seconds = status.details?.retryAfterSeconds;
  return new ApiError({
    status: code,
    reason: status.reason ?? reasonOf(code),
    message: status.message ?? 'the API server ended the watch with an error',
    retryAfterMs: seconds !== undefined && seconds > 0 ? seconds * 1000 : undefined,
  });
}

/** The error for a call without an answer. */
export function transportError(reason: TransportReason, cause: unknown): ApiError {
  return new ApiError({ status: 0, reason, message: `no answer from the API server: ${describe(cause)}`, cause });
}

/** `Retry-After` in milliseconds: seconds or an HTTP date (RFC 9110, 10.2.3). Undefined when absent or malformed. */
export function parseRetryAfter(value: string | undefined, wallClockMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value.trim()) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - wallClockMs);
}

interface StatusObject {
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: { readonly retryAfterSeconds?: number };
}

function isStatus(value: unknown): value is StatusObject {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'Status';
}

function parseStatus(body: string): StatusObject | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isStatus(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(status: number): string {
  return REASONS.get(status) ?? (status >= 500 ? 'InternalError' : 'Unknown');
}

// The reasons of k8s.io/apimachinery, for answers that come from a proxy in between and carry no Status object.
const REASONS = new Map([
  [400, 'BadRequest'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [409, 'Conflict'],
  [410, 'Expired'],
  [422, 'Invalid'],
  [429, 'TooManyRequests'],
  [503, 'ServiceUnavailable'],
  [504, 'Timeout'],
]);

function describe(cause: unknown): string {
  const message = messageOf(cause);
  // A refused connection to a name with several addresses is an AggregateError with an empty message.
  if (message !== '') return message;
  const code = (cause as { code?: unknown }).code;
  return typeof code === 'string' ? code : 'connection failed';
}
