import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { failureReasons, type RequestResult } from './attempt.ts';
import { classify, classifyLocalFault } from './classify.ts';
import { deliverySettings } from './settings.fixture.ts';

const now = Date.UTC(2026, 0, 1);

function response(statusCode: number, body = '', headers: Record<string, string> = {}): RequestResult {
  return { kind: 'Response', statusCode, headers, body: Buffer.from(body), durationMs: 1 };
}
function error(reason: Extract<RequestResult, { kind: 'Error' }>['reason'], message = 'it broke'): RequestResult {
  return { kind: 'Error', reason, message, durationMs: 1 };
}

describe('a 2xx', () => {
  test.each([200, 201, 202, 204, 299])('%d is delivered', (code) => {
    expect(classify(response(code, 'error', { 'retry-after': '5' }), deliverySettings(), now)).toEqual({
      kind: 'Delivered',
    });
  });

  test('is delivered whatever the rules say', () => {
    const settings = deliverySettings({ responses: [{ statusCodes: ['200', '2xx'], action: 'Disable' }] });
    expect(classify(response(200), settings, now)).toEqual({ kind: 'Delivered' });
  });
});

describe('any other status', () => {
  test('is a failure with what the receiver said', () => {
    expect(classify(response(500, 'no\ndatabase'), deliverySettings(), now)).toEqual({
      kind: 'Failed',
      reason: 'HTTPStatus',
      message: 'no database',
      statusCode: 500,
      action: 'Retry',
      pausesLane: false,
      countsAgainstReceiver: true,
    });
  });

  test.each(['', ' \n '])('that comes with the body "%s" says so', (body) => {
    expect(classify(response(404, body), deliverySettings(), now)).toMatchObject({
      message: 'HTTP 404 without a body',
    });
  });

  test('tells at most 1 KiB, without secrets', () => {
    const verdict = classify(response(500, `token hunter22 ${'x'.repeat(5000)}`), deliverySettings(), now, [
      'hunter22',
    ]);
    if (verdict.kind !== 'Failed') throw new Error('a 500 must fail');
    expect(verdict.message).toMatch(/^token \*\*\* x+$/);
    expect(Buffer.byteLength(verdict.message)).toBe(1024);
  });

  test.each([300, 301, 302, 303, 304, 307, 308, 399])('%d is a redirect, which is not followed', (code) => {
    expect(
      classify(response(code, 'moved', { location: 'https://b.example/' }), deliverySettings(), now),
    ).toMatchObject({
      reason: 'Redirect',
      message: `HTTP ${code} to https://b.example/; redirects are not followed`,
      statusCode: code,
      action: 'Retry',
      countsAgainstReceiver: true,
    });
  });

  test('a redirect without a place to go says so', () => {
    expect(classify(response(302), deliverySettings(), now)).toMatchObject({
      message: 'HTTP 302 without a Location; redirects are not followed',
    });
  });

  test('a redirect with a long place to go, and our secret in it, stays within 1 KiB', () => {
    const location = `https://b.example/?token=hunter22&x=${'ü'.repeat(2000)}`;
    const verdict = classify(response(302, '', { location }), deliverySettings(), now, ['hunter22']);
    if (verdict.kind !== 'Failed') throw new Error('a redirect must fail');
    expect(verdict.message).toContain('token=***&');
    expect(Buffer.byteLength(verdict.message)).toBeLessThanOrEqual(1024);
  });
});

describe('the rules', () => {
  const rules = deliverySettings({
    responses: [
      { statusCodes: ['404', '410'], action: 'Disable' },
      { statusCodes: ['408'], action: 'Retry' },
      { statusCodes: ['4xx', '503'], action: 'Reject' },
      { statusCodes: ['400', '3xx'], action: 'Disable' },
    ],
  });

  test.each([
    [404, 'Disable'],
    [410, 'Disable'],
    [408, 'Retry'],
    [400, 'Reject'],
    [499, 'Reject'],
    [503, 'Reject'],
    [500, 'Retry'],
    [302, 'Disable'],
    [199, 'Retry'],
  ])('decide on %d: %s', (code, action) => {
    expect(classify(response(code), rules, now)).toMatchObject({ action });
  });

  test('are not needed', () => {
    expect(classify(response(410), deliverySettings({ responses: [] }), now)).toMatchObject({ action: 'Retry' });
  });
});

describe('Retry-After', () => {
  test.each([429, 503])('with a %d pauses the lane and does not count', (code) => {
    expect(classify(response(code, '', { 'retry-after': '30' }), deliverySettings(), now)).toMatchObject({
      retryAfterMs: 30_000,
      pausesLane: true,
      countsAgainstReceiver: false,
    });
  });

  test.each([500, 404, 302])('with a %d is honoured, but pauses nothing', (code) => {
    expect(classify(response(code, '', { 'retry-after': '30' }), deliverySettings(), now)).toMatchObject({
      retryAfterMs: 30_000,
      pausesLane: false,
      countsAgainstReceiver: true,
    });
  });

  test.each([{}, { 'retry-after': 'soon' }])('missing or not readable, a 429 counts (%o)', (headers) => {
    const verdict = classify(response(429, '', headers), deliverySettings(), now);
    expect(verdict).toMatchObject({ pausesLane: false, countsAgainstReceiver: true });
    expect(verdict).not.toHaveProperty('retryAfterMs');
  });

  test('may be a date, and is capped', () => {
    const date = new Date(now + 60_000).toUTCString();
    expect(classify(response(503, '', { 'retry-after': date }), deliverySettings(), now)).toMatchObject({
      retryAfterMs: 60_000,
    });
    expect(classify(response(503, '', { 'retry-after': '99999' }), deliverySettings(), now)).toMatchObject({
      retryAfterMs: 3_600_000,
    });
  });

  test('is ignored with a cap of 0', () => {
    const settings = deliverySettings({ retry: { scheduleMs: [], jitterPercent: 0, retryAfterMaxMs: 0 } });
    expect(classify(response(429, '', { 'retry-after': '30' }), settings, now)).toMatchObject({
      pausesLane: false,
      countsAgainstReceiver: true,
    });
  });
});

describe('a request that got no answer', () => {
  const reasons = failureReasons.filter(
    (reason) => reason !== 'HTTPStatus' && reason !== 'Redirect' && reason !== 'SecretNotFound',
  );

  test.each(reasons)('fails as %s', (reason) => {
    const own = reason === 'AddressBlocked' || reason === 'PayloadInvalid';
    expect(classify(error(reason), deliverySettings(), now)).toEqual({
      kind: 'Failed',
      reason,
      message: 'it broke',
      action: reason === 'PayloadInvalid' ? 'Reject' : 'Retry',
      pausesLane: false,
      countsAgainstReceiver: !own,
    });
  });

  test('tells no secrets', () => {
    expect(classify(error('DNSError', 'no host hunter22'), deliverySettings(), now, ['hunter22'])).toMatchObject({
      message: 'no host ***',
    });
  });
});

describe('a fault of our own', () => {
  test.each([
    ['PayloadInvalid', 'Reject'],
    ['SecretNotFound', 'Retry'],
  ] as const)('%s leads to %s and never counts', (reason, action) => {
    expect(classifyLocalFault(reason, 'no\nkey')).toEqual({
      kind: 'Failed',
      reason,
      message: 'no key',
      action,
      pausesLane: false,
      countsAgainstReceiver: false,
    });
  });
});

test('every answer has a verdict, and only a 2xx is success', () => {
  const rule = fc.record({
    statusCodes: fc.array(
      fc.oneof(fc.integer({ min: 100, max: 599 }).map(String), fc.constantFrom('2xx', '4xx', '5xx')),
    ),
    action: fc.constantFrom('Retry' as const, 'Reject' as const, 'Disable' as const),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 999 }),
      fc.uint8Array(),
      fc.dictionary(fc.constantFrom('retry-after', 'location'), fc.string()),
      fc.array(rule),
      (statusCode, body, headers, responses) => {
        const result: RequestResult = { kind: 'Response', statusCode, headers, body, durationMs: 1 };
        const verdict = classify(result, deliverySettings({ responses }), now);
        expect(verdict.kind === 'Delivered').toBe(statusCode >= 200 && statusCode < 300);
        if (verdict.kind === 'Failed') {
          expect(verdict.message).not.toBe('');
          expect(Buffer.byteLength(verdict.message)).toBeLessThanOrEqual(1024);
          expect(verdict.countsAgainstReceiver).toBe(!verdict.pausesLane);
        }
      },
    ),
  );
});
