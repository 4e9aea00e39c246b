import { errors } from 'undici';
import { InvalidCIDRError } from '../net/address-guard.ts';
import { AddressBlockedError } from '../net/guarded-connector.ts';
import type { RequestResult } from './attempt.ts';

type ErrorReason = Extract<RequestResult, { kind: 'Error' }>['reason'];

/** A fault of a request in the words of a status condition. */
export interface HTTPFault {
  readonly reason: ErrorReason;
  readonly message: string;
}

/** What the sender found when it gave up a request itself. */
export type GivenUp = 'NotConnected' | 'NotAnswered' | 'HeadersIncomplete';

/**
 * The reason and message of what undici, a socket, the resolver or OpenSSL threw. The message is made of the error's code,
 * never of its text, and names the receiver by host and port only: paths and query strings may be credentials.
 *
 * @param authority host and port of the receiver.
 */
export function faultOf(error: unknown, authority: string): HTTPFault {
  if (error instanceof AddressBlockedError || error instanceof InvalidCIDRError) {
    return { reason: 'AddressBlocked', message: error.message };
  }
  const telling = mostTelling(error);
  const code = stringProperty(telling, 'code');
  if (tlsCodes.has(code) || tlsPrefixes.some((prefix) => code.startsWith(prefix))) {
    return { reason: 'TLSError', message: `TLS with ${authority} failed: ${tlsAdvice.get(code) ?? code}` };
  }
  if (code === 'UND_ERR_SOCKET' && stringProperty(telling, 'message').startsWith('bad ')) {
    return { reason: 'InvalidResponse', message: `${authority} sent a response that was not asked for` };
  }
  if (telling instanceof errors.HTTPParserError) {
    return { reason: 'InvalidResponse', message: `${authority} did not answer in valid HTTP/1.1: check the port` };
  }
  const known = faultsByCode.get(code);
  if (known !== undefined) return { reason: known.reason, message: known.message(authority) };
  const suffix = code === '' ? '' : ` (${code})`;
  return { reason: 'ConnectionFailed', message: `the connection to ${authority} failed${suffix}` };
}

/** The fault of a request that the sender gave up after `timeoutMs`. */
export function timeoutFault(phase: GivenUp, timeoutMs: number, authority: string): HTTPFault {
  const seconds = `${timeoutMs / 1000} s`;
  const messages: Record<GivenUp, string> = {
    NotConnected: `no connection to ${authority} within ${seconds}: check address, port and firewalls`,
    NotAnswered: `no answer from ${authority} within ${seconds}: answer first, work later, or raise timeouts.total`,
    HeadersIncomplete: `${authority} did not finish its response headers within ${seconds}`,
  };
  return { reason: 'Timeout', message: messages[phase] };
}

/** Codes of a connection that the other side ended; on a reused socket they may mean that it was closed while idle. */
export function isReset(error: unknown): boolean {
  const code = stringProperty(error, 'code');
  return faultsByCode.get(code)?.reason === 'ConnectionReset' && !stringProperty(error, 'message').startsWith('bad ');
}

/** Without the port, of which the resolver knows nothing. */
function hostOf(authority: string): string {
  return authority.replace(/:\d+$/, '');
}

interface KnownFault {
  readonly reason: ErrorReason;
  readonly message: (authority: string) => string;
}

const refused: KnownFault = {
  reason: 'ConnectionRefused',
  message: (authority) => `${authority} refused the connection: nothing listens there`,
};
const reset: KnownFault = {
  reason: 'ConnectionReset',
  message: (authority) => `${authority} closed the connection before it answered`,
};
const unknownName: KnownFault = {
  reason: 'DNSError',
  message: (authority) => `the name ${hostOf(authority)} does not resolve to an address: check the host in the URL`,
};
const resolverFailed: KnownFault = {
  reason: 'DNSError',
  message: (authority) => `the resolver could not answer for the name ${hostOf(authority)}`,
};
const connectTimeout: KnownFault = {
  reason: 'Timeout',
  message: (authority) => `no connection to ${authority} in time: check address, port and firewalls`,
};
const notHTTP: KnownFault = {
  reason: 'InvalidResponse',
  message: (authority) => `the response of ${authority} breaks HTTP/1.1, or its headers are over 16 KiB`,
};
const unreachable: KnownFault = {
  reason: 'ConnectionFailed',
  message: (authority) => `there is no route to ${authority}`,
};
const notBuildable: KnownFault = {
  reason: 'PayloadInvalid',
  message: (authority) =>
    `the request to ${authority} was not sent: a header has a name or value that HTTP does not allow`,
};

const faultsByCode: ReadonlyMap<string, KnownFault> = new Map([
  ['ECONNREFUSED', refused],
  ['ECONNRESET', reset],
  ['EPIPE', reset],
  ['ECONNABORTED', reset],
  ['UND_ERR_SOCKET', reset],
  ['ENOTFOUND', unknownName],
  ['ENODATA', unknownName],
  ['EAI_NONAME', unknownName],
  ['EAI_NODATA', unknownName],
  ['EAI_AGAIN', resolverFailed],
  ['EAI_FAIL', resolverFailed],
  ['ESERVFAIL', resolverFailed],
  ['UND_ERR_CONNECT_TIMEOUT', connectTimeout],
  ['ETIMEDOUT', connectTimeout],
  ['UND_ERR_HEADERS_OVERFLOW', notHTTP],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', notHTTP],
  ['EHOSTUNREACH', unreachable],
  ['ENETUNREACH', unreachable],
  ['UND_ERR_INVALID_ARG', notBuildable],
  ['UND_ERR_NOT_SUPPORTED', notBuildable],
]);

const tlsPrefixes = ['ERR_TLS_', 'ERR_SSL_', 'CERT_', 'UNABLE_TO_', 'CRL_', 'ERR_OSSL_'] as const;
const tlsCodes: ReadonlySet<string> = new Set([
  'EPROTO',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
]);

const otherAuthority = 'the certificate is not signed by an authority that is trusted here';
const tlsAdvice: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'the certificate has expired'],
  ['CERT_NOT_YET_VALID', 'the certificate is not valid yet'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'the certificate is for another host name'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', otherAuthority],
  ['SELF_SIGNED_CERT_IN_CHAIN', otherAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', `${otherAuthority}, or intermediate certificates are missing`],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', `${otherAuthority}, or intermediate certificates are missing`],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'the port does not speak TLS'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'the port does not speak TLS'],
  ['EPROTO', 'the port does not speak TLS, or no common version or cipher exists'],
]);

/** Of the errors of all addresses of a name, the one that says most about the receiver. */
function mostTelling(error: unknown): unknown {
  if (!(error instanceof AggregateError)) return error;
  const causes: readonly unknown[] = error.errors;
  const byCode = (code: string): unknown => causes.find((cause) => stringProperty(cause, 'code') === code);
  return byCode('ECONNREFUSED') ?? byCode('ECONNRESET') ?? byCode('ETIMEDOUT') ?? causes[0] ?? error;
}

function stringProperty(value: unknown, name: 'code' | 'message'): string {
  if (typeof value !== 'object' || value === null) return '';
  const property: unknown = Reflect.get(value, name);
  return typeof property === 'string' ? property : '';
}
