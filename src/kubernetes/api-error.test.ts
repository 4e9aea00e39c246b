import { describe, expect, it } from 'vitest';
import {
  ApiError,
  errorFromResponse,
  errorFromStatusObject,
  hasStatus,
  isTransient,
  parseRetryAfter,
  transportError,
} from './api-error.ts';

const NOW = Date.UTC(2026, 0, 1);

describe('parseRetryAfter', () => {
  it.each([
    ['5', 5000],
    [' 0 ', 0],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['soon', undefined],
    ['-5 seconds', undefined],
    [undefined, undefined],
  ])('reads %j as %j ms', (value, expected) => {
    expect(parseRetryAfter(value, NOW)).toBe(expected);
  });
});

describe('ApiError', () => {
  it('takes reason, message and delay from the Status', () => {
    const status = {
      kind: 'Status',
      reason: 'Expired',
      message: 'too old',
      code: 410,
      details: { retryAfterSeconds: 2 },
    };
    const error = errorFromResponse(410, JSON.stringify(status), undefined, NOW);
    expect(error).toMatchObject({ status: 410, reason: 'Expired', message: 'too old', retryAfterMs: 2000 });
    expect(errorFromStatusObject(status)).toMatchObject({ status: 410, reason: 'Expired', retryAfterMs: 2000 });
  });

  it('prefers the header for the delay', () => {
    const status = { kind: 'Status', details: { retryAfterSeconds: 2 } };
    expect(errorFromResponse(429, JSON.stringify(status), '9', NOW).retryAfterMs).toBe(9000);
  });

  it.each([
    [429, 'TooManyRequests'],
    [502, 'InternalError'],
    [418, 'Unknown'],
  ])('names a %i without a Status %s', (status, reason) => {
    expect(errorFromResponse(status, '[1]', undefined, NOW)).toMatchObject({ reason, retryAfterMs: undefined });
    expect(errorFromResponse(status, '', undefined, NOW).message).toBe(`the API server answered ${status}`);
  });

  it('reads an ERROR event that is no Status as a fault of the server', () => {
    expect(errorFromStatusObject('what')).toMatchObject({ status: 500, reason: 'InternalError' });
    expect(errorFromStatusObject({ kind: 'Status', code: 410, details: { retryAfterSeconds: 0 } })).toMatchObject({
      reason: 'Expired',
      retryAfterMs: undefined,
    });
  });

  it('tells transient errors from those that stay', () => {
    const of = (status: number) => new ApiError({ status, reason: 'x', message: 'x' });
    expect([0, 429, 500, 503].map((status) => isTransient(of(status)))).toEqual([true, true, true, true]);
    expect([400, 403, 404, 409, 422].some((status) => isTransient(of(status)))).toBe(false);
    expect(isTransient(new Error('x'))).toBe(false);
    expect(hasStatus(of(404), 404)).toBe(true);
    expect(hasStatus(new Error('x'), 404)).toBe(false);
  });

  it('says something also when the cause has no message', () => {
    const cause = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
    expect(transportError('ConnectionFailed', cause).message).toBe('no answer from the API server: ECONNREFUSED');
    expect(transportError('ConnectionFailed', new Error('')).message).toContain('connection failed');
  });
});
