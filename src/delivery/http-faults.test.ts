import { errors } from 'undici';
import { describe, expect, test } from 'vitest';
import { InvalidCIDRError } from '../net/address-guard.ts';
import { AddressBlockedError } from '../net/guarded-connector.ts';
import { faultOf, isReset, timeoutFault } from './http-faults.ts';

const authority = 'crm.example.com:443';
const coded = (code: string, message = 'text-secret'): Error => Object.assign(new Error(message), { code });

describe('faultOf', () => {
  test.each([
    ['ECONNREFUSED', 'ConnectionRefused'],
    ['ECONNRESET', 'ConnectionReset'],
    ['EPIPE', 'ConnectionReset'],
    ['UND_ERR_SOCKET', 'ConnectionReset'],
    ['ENOTFOUND', 'DNSError'],
    ['EAI_AGAIN', 'DNSError'],
    ['UND_ERR_CONNECT_TIMEOUT', 'Timeout'],
    ['ETIMEDOUT', 'Timeout'],
    ['UND_ERR_HEADERS_OVERFLOW', 'InvalidResponse'],
    ['UND_ERR_INVALID_ARG', 'PayloadInvalid'],
    ['EHOSTUNREACH', 'ConnectionFailed'],
    ['ENETUNREACH', 'ConnectionFailed'],
    ['EMFILE', 'ConnectionFailed'],
    ['CERT_HAS_EXPIRED', 'TLSError'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'TLSError'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'TLSError'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'TLSError'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLSError'],
    ['ERR_SSL_SOME_NEW_ALERT', 'TLSError'],
    ['EPROTO', 'TLSError'],
  ])('%s is %s; the message names the receiver, not the text of the error', (code, reason) => {
    const fault = faultOf(coded(code), authority);
    expect(fault.reason).toBe(reason);
    expect(fault.message).toContain(reason === 'DNSError' ? 'crm.example.com' : authority);
    expect(fault.message).not.toContain('secret');
  });

  test('a name that does not resolve is named without the port', () => {
    expect(faultOf(coded('ENOTFOUND'), authority).message).toBe(
      'the name crm.example.com does not resolve to an address: check the host in the URL',
    );
    expect(faultOf(coded('EAI_AGAIN'), authority).message).toBe(
      'the resolver could not answer for the name crm.example.com',
    );
  });

  test('an unknown code is part of the message', () => {
    expect(faultOf(coded('EMFILE'), authority).message).toContain('(EMFILE)');
    expect(faultOf(coded('ERR_SSL_SOME_NEW_ALERT'), authority).message).toContain('ERR_SSL_SOME_NEW_ALERT');
  });

  test.each([[undefined], [null], ['text'], [new Error('text-secret')], [{ code: 7 }]])(
    'anything else that was thrown is ConnectionFailed: %s',
    (thrown) => {
      expect(faultOf(thrown, authority)).toEqual({
        reason: 'ConnectionFailed',
        message: `the connection to ${authority} failed`,
      });
    },
  );

  test('what the guard refuses keeps the message of the guard', () => {
    for (const error of [new AddressBlockedError('crm.example.com', 'private'), new InvalidCIDRError('10/8')]) {
      expect(faultOf(error, authority)).toEqual({ reason: 'AddressBlocked', message: error.message });
    }
  });

  test('a response that breaks the protocol is InvalidResponse', () => {
    expect(faultOf(new errors.HTTPParserError('text-secret'), authority).reason).toBe('InvalidResponse');
    expect(faultOf(new errors.SocketError('bad upgrade'), authority).reason).toBe('InvalidResponse');
  });

  test.each([
    [['ENETUNREACH', 'ECONNREFUSED'], 'ConnectionRefused'],
    [['ETIMEDOUT', 'ECONNRESET'], 'ConnectionReset'],
    [['ENETUNREACH', 'ETIMEDOUT'], 'Timeout'],
    [['ENETUNREACH', 'EHOSTUNREACH'], 'ConnectionFailed'],
    [[], 'ConnectionFailed'],
  ])('of the errors of several addresses the most telling counts: %j', (codes, reason) => {
    const error = new AggregateError(codes.map((code) => coded(code)));
    expect(faultOf(error, authority).reason).toBe(reason);
  });
});

test('only an ended connection is a reset', () => {
  for (const code of ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']) expect(isReset(coded(code))).toBe(true);
  for (const code of ['ECONNREFUSED', 'ETIMEDOUT', '']) expect(isReset(coded(code))).toBe(false);
  expect(isReset(new errors.SocketError('bad response'))).toBe(false);
  expect(isReset(undefined)).toBe(false);
});

test('a timeout says what was waited for and how long', () => {
  expect(timeoutFault('NotConnected', 5000, authority).message).toContain(`no connection to ${authority} within 5 s`);
  expect(timeoutFault('NotAnswered', 15_000, authority).message).toContain(`no answer from ${authority} within 15 s`);
  expect(timeoutFault('HeadersIncomplete', 1500, authority).message).toContain('within 1.5 s');
});
