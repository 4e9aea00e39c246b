/** How a URL proves that whoever controls it wants our requests (`docs/webhook.md`). Never carries event data. */
import { randomBytes as systemRandomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { OutgoingRequest, RequestResult, Sender } from './attempt.ts';
import { printable, printableText } from './printable.ts';
import { buildHeaders, headerProblem, userAgent } from './request-headers.ts';
import { PayloadInvalidError } from './payload-error.ts';
import { sign } from './signature.ts';
import type { Target, VerificationMethod } from './webhook-config.ts';

/** Reasons of `Verified: False`. */
export type VerificationFailure =
  | 'ChallengeMismatch'
  | 'ConnectionFailed'
  | 'TLSError'
  | 'DNSError'
  | 'Timeout'
  | 'HTTPStatus'
  | 'AddressBlocked'
  | 'InvalidResponse';

export type VerificationResult =
  | { readonly ok: true; readonly reason: 'ChallengeAnswered' | 'HandshakeAnswered' | 'NotRequired' }
  /** `message` says what to change; fit for a condition. */
  | { readonly ok: false; readonly reason: VerificationFailure; readonly message: string };

export interface VerificationOptions {
  readonly sender: Sender;
  readonly clock?: Clock;
  /** Defaults to `node:crypto`'s. */
  readonly randomBytes?: (size: number) => Uint8Array;
  /** Defaults to 5 seconds. */
  readonly connectTimeoutMs?: number;
  /** `WebHook-Request-Origin` of the CloudEvents handshake. Defaults to `webhook-operator.dev`. */
  readonly origin?: string;
  /** `WebHook-Request-Rate` of the CloudEvents handshake, requests per minute. Absent = not asked for. */
  readonly requestsPerMinute?: number;
}

const totalTimeoutMs = 10_000;
const maxAnswerBytes = 65_536;
/** What of an answer is quoted in a message. */
const maxQuotedBytes = 256;
const tokenBytes = 32;
const noProducer = { header: () => '', headers: () => ({}) };
const challengeEventType = 'webhook-operator.challenge';

/**
 * Asks the target once. Never rejects. `Challenge` POSTs `{"challenge": "<token>"}` and wants JSON whose `challenge` is
 * that token; `CloudEventsHandshake` sends OPTIONS and wants `WebHook-Allowed-Origin`; `None` sends nothing.
 */
export async function verify(
  target: Target,
  method: VerificationMethod,
  options: VerificationOptions,
): Promise<VerificationResult> {
  const { sender, origin = 'webhook-operator.dev', randomBytes = systemRandomBytes } = options;
  const secrets = target.secretValues;
  if (method === 'None') return { ok: true, reason: 'NotRequired' };
  try {
    if (method === 'CloudEventsHandshake') {
      return judgeHandshake(await sender.send(handshakeRequest(target, origin, options)), origin, secrets);
    }
    const token = Buffer.from(randomBytes(tokenBytes)).toString('base64url');
    return judgeChallenge(await sender.send(challengeRequest(target, token, options)), token, secrets);
  } catch (error) {
    // The user's headers or keys can't be used for a request. Control checks them first and says which it is.
    return failed('ConnectionFailed', printableText(messageOf(error), 1024, secrets));
  }
}

/** With the user's headers and the signature, so that receivers which refuse unauthenticated requests answer too. */
export function challengeRequest(target: Target, token: string, options: VerificationOptions): OutgoingRequest {
  const { clock = systemClock } = options;
  const body = Buffer.from(JSON.stringify({ challenge: token }));
  const timestampSeconds = Math.floor(clock.now() / 1000);
  // The receiver may log the id; it must not hold the token.
  const id = `challenge-${clock.now().toString(36)}-${target.urlHash.slice(-12)}`;
  const isSigned = target.signingScheme !== 'None' && target.signingKeys.length > 0;
  const headers = buildHeaders({
    target,
    event: { id, type: challengeEventType, producer: noProducer },
    payload: { contentType: 'application/json', extraHeaders: [] },
    attempt: 1,
    timestampSeconds,
    ...(isSigned ? { signature: sign(id, timestampSeconds, body, target.signingKeys) } : undefined),
  });
  return { ...commonRequest(target, options), method: 'POST', headers, body, maxResponseBytes: maxAnswerBytes };
}

/** HTTP 1.1 Web Hooks for Event Delivery, section 4: a request without a body, and so without a signature. */
export function handshakeRequest(target: Target, origin: string, options: VerificationOptions): OutgoingRequest {
  const headers = ['user-agent', userAgent, 'webhook-request-origin', origin];
  if (options.requestsPerMinute !== undefined) headers.push('webhook-request-rate', String(options.requestsPerMinute));
  for (const [name, value] of target.headers) {
    const problem = headerProblem(name, value);
    if (problem !== undefined) throw new PayloadInvalidError(`The request can't be built: ${problem}`);
    headers.push(name, value);
  }
  return { ...commonRequest(target, options), method: 'OPTIONS', headers, body: undefined };
}

function commonRequest(target: Target, { connectTimeoutMs = 5000 }: VerificationOptions) {
  return {
    url: target.url,
    connectTimeoutMs,
    totalTimeoutMs,
    allowedCIDRs: target.network.allowedCIDRs,
  };
}

/** @param secrets values that are masked where the receiver echoes them. */
export function judgeChallenge(result: RequestResult, token: string, secrets: readonly string[]): VerificationResult {
  const failure = failureOf(result, 'the challenge', secrets);
  if (failure !== undefined) return failure;
  const { body, incomplete } = result as Answer;
  if (incomplete === 'Limit') return failed('InvalidResponse', 'the answer to the challenge is over 64 KiB');
  if (incomplete === 'Timeout') return failed('Timeout', 'the answer to the challenge did not end within 10 s');
  if (incomplete === 'Reset') return failed('ConnectionFailed', 'the answer to the challenge broke off');
  const expected = 'answer with JSON that holds the token alone: {"challenge": "<the token of the request>"}';
  const answer = parseJSON(body);
  if (answer === undefined) {
    // With the token, which is new each time, the same fault would look like a new one at each try.
    const quoted = printable(body, maxQuotedBytes, [...secrets, token]);
    return failed('InvalidResponse', `the answer to the challenge is not JSON${quote(quoted)}; ${expected}`);
  }
  const { value } = answer;
  const echoed = typeof value === 'object' && value !== null && Object.hasOwn(value, 'challenge');
  if (echoed && (value as { readonly challenge: unknown }).challenge === token) {
    return { ok: true, reason: 'ChallengeAnswered' };
  }
  const found = echoed ? 'holds another value in "challenge"' : 'has no "challenge"';
  return failed('ChallengeMismatch', `the answer to the challenge ${found}; ${expected}`);
}

/** @param secrets values that are masked where the receiver echoes them. */
export function judgeHandshake(result: RequestResult, origin: string, secrets: readonly string[]): VerificationResult {
  const failure = failureOf(result, 'the OPTIONS request of the handshake', secrets);
  if (failure !== undefined) return failure;
  const expected = `answer OPTIONS with WebHook-Allowed-Origin: ${origin} (or *)`;
  const allowed = (result as Answer).headers['webhook-allowed-origin']?.trim();
  if (allowed === undefined || allowed === '') {
    return failed('InvalidResponse', `the answer to the handshake has no WebHook-Allowed-Origin; ${expected}`);
  }
  if (allowed === '*' || allowed === origin) return { ok: true, reason: 'HandshakeAnswered' };
  const quoted = quote(printableText(allowed, maxQuotedBytes, secrets));
  return failed('ChallengeMismatch', `the answer to the handshake allows another origin${quoted}; ${expected}`);
}

type Answer = Extract<RequestResult, { kind: 'Response' }>;

function failed(reason: VerificationFailure, message: string): VerificationResult {
  return { ok: false, reason, message };
}

/** Undefined when a 2xx came. */
function failureOf(
  result: RequestResult,
  question: string,
  secrets: readonly string[],
): VerificationResult | undefined {
  if (result.kind === 'Error') return failed(reasonsOfErrors[result.reason], result.message);
  const { statusCode, headers, body } = result;
  if (statusCode >= 200 && statusCode < 300) return undefined;
  if (statusCode >= 300 && statusCode < 400) {
    // A query string may be a credential.
    const location = headers['location']?.replace(/[?#].*/s, '') ?? '';
    const where = quote(printableText(location, maxQuotedBytes, secrets));
    const message = `HTTP ${statusCode} to ${question}: redirects are not followed, use the final URL${where}`;
    return failed('HTTPStatus', message);
  }
  const said = quote(printable(body, maxQuotedBytes, secrets));
  return failed('HTTPStatus', `HTTP ${statusCode} to ${question}${said}`);
}

const reasonsOfErrors: Readonly<Record<Extract<RequestResult, { kind: 'Error' }>['reason'], VerificationFailure>> = {
  Timeout: 'Timeout',
  ConnectionRefused: 'ConnectionFailed',
  ConnectionReset: 'ConnectionFailed',
  ConnectionFailed: 'ConnectionFailed',
  TLSError: 'TLSError',
  DNSError: 'DNSError',
  AddressBlocked: 'AddressBlocked',
  InvalidResponse: 'InvalidResponse',
  PayloadInvalid: 'ConnectionFailed',
};

function parseJSON(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) };
  } catch {
    return undefined;
  }
}

function quote(text: string): string {
  return text === '' ? '' : `: "${text}"`;
}
