/** What the outcome of one attempt means for the delivery and for the webhook (`docs/delivery.md`). */
import type { FailureReason, RequestResult } from './attempt.ts';
import { printable, printableText } from './printable.ts';
import { parseRetryAfter } from './retry-after.ts';
import type { DeliverySettings, ResponseRule } from './webhook-config.ts';

export type Verdict = { readonly kind: 'Delivered' } | FailedVerdict;

export interface FailedVerdict {
  readonly kind: 'Failed';
  readonly reason: FailureReason;
  /** What the receiver said, or what went wrong before it could: one printable line of at most 1 KiB. */
  readonly message: string;
  readonly statusCode?: number;
  /** `Retry` while the schedule lasts, `Reject` = dead letter now, `Disable` = disable the webhook and keep the delivery. */
  readonly action: 'Retry' | 'Reject' | 'Disable';
  /** The receiver's `Retry-After`, capped by the settings. */
  readonly retryAfterMs?: number;
  /** A 429 or 503 with `Retry-After`: nothing more for this webhook until `retryAfterMs` is over. */
  readonly pausesLane: boolean;
  /** Whether it belongs to the streak that disables a webhook. False for faults of our own side and for `pausesLane`. */
  readonly countsAgainstReceiver: boolean;
}

const maxMessageBytes = 1024;
/** Faults of our own side: the receiver never had a chance. */
const ownFaults: ReadonlySet<FailureReason> = new Set<FailureReason>([
  'AddressBlocked',
  'PayloadInvalid',
  'SecretNotFound',
]);
const delivered: Verdict = Object.freeze({ kind: 'Delivered' });

/**
 * Judges one attempt. A 2xx is success whatever the body says and whatever the rules say.
 * @param nowMs Wall clock, for a `Retry-After` that is a date.
 * @param secrets Values that must not appear in the message, also where a receiver echoes them.
 */
export function classify(
  result: RequestResult,
  settings: DeliverySettings,
  nowMs: number,
  secrets: readonly string[] = [],
): Verdict {
  if (result.kind === 'Error') {
    return {
      kind: 'Failed',
      reason: result.reason,
      message: printableText(result.message, maxMessageBytes, secrets),
      action: result.reason === 'PayloadInvalid' ? 'Reject' : 'Retry',
      pausesLane: false,
      countsAgainstReceiver: !ownFaults.has(result.reason),
    };
  }
  const { statusCode } = result;
  if (statusCode >= 200 && statusCode < 300) return delivered;

  const retryAfterMs = retryAfterOf(result.headers['retry-after'], settings.retry.retryAfterMaxMs, nowMs);
  const pausesLane = retryAfterMs !== undefined && (statusCode === 429 || statusCode === 503);
  const redirect = statusCode >= 300 && statusCode < 400;
  return {
    kind: 'Failed',
    reason: redirect ? 'Redirect' : 'HTTPStatus',
    message: redirect
      ? redirectMessage(statusCode, result.headers['location'], secrets)
      : printable(result.body, maxMessageBytes, secrets) || `HTTP ${statusCode} without a body`,
    statusCode,
    action: actionOf(settings.responses, statusCode),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    pausesLane,
    countsAgainstReceiver: !pausesLane,
  };
}

/**
 * The verdict on an attempt that our own side could not even build. A payload never gets better by waiting, a Secret may
 * appear; neither counts against the receiver.
 */
export function classifyLocalFault(reason: 'PayloadInvalid' | 'SecretNotFound', message: string): FailedVerdict {
  return {
    kind: 'Failed',
    reason,
    message: printableText(message, maxMessageBytes),
    action: reason === 'PayloadInvalid' ? 'Reject' : 'Retry',
    pausesLane: false,
    countsAgainstReceiver: false,
  };
}

/** A cap of 0 turns `Retry-After` off. */
function retryAfterOf(value: string | undefined, maxMs: number, nowMs: number): number | undefined {
  return value === undefined || maxMs <= 0 ? undefined : parseRetryAfter(value, nowMs, maxMs);
}

function redirectMessage(statusCode: number, location: string | undefined, secrets: readonly string[]): string {
  const target = printableText(location ?? '', maxMessageBytes - 64, secrets);
  return target === ''
    ? `HTTP ${statusCode} without a Location; redirects are not followed`
    : `HTTP ${statusCode} to ${target}; redirects are not followed`;
}

function actionOf(rules: readonly ResponseRule[], statusCode: number): FailedVerdict['action'] {
  const code = String(statusCode);
  const codeClass = `${code.charAt(0)}xx`;
  for (const rule of rules) {
    if (rule.statusCodes.includes(code) || rule.statusCodes.includes(codeClass)) return rule.action;
  }
  return 'Retry';
}
