import { describe, expect, it } from 'vitest';
import { lastStatusCode } from './webhook-status.ts';

const success = (time: string) => ({ time, eventID: 'e', statusCode: 204, durationMilliseconds: 3 });
const failure = (time: string, statusCode?: number) => ({
  time,
  eventID: 'e',
  attempt: 1,
  statusCode,
  reason: 'HTTPStatus',
  message: '',
});

describe('lastStatusCode', () => {
  it('is absent before the first attempt', () => {
    expect(lastStatusCode({})).toBeUndefined();
  });

  it('is that of the only attempt', () => {
    expect(lastStatusCode({ lastSuccess: success('2026-01-02T03:04:05Z') })).toBe(204);
    expect(lastStatusCode({ lastFailure: failure('2026-01-02T03:04:05Z', 500) })).toBe(500);
  });

  it('is that of the later attempt', () => {
    const lastSuccess = success('2026-01-02T03:04:05Z');
    expect(lastStatusCode({ lastSuccess, lastFailure: failure('2026-01-02T03:04:04Z', 500) })).toBe(204);
    expect(lastStatusCode({ lastSuccess, lastFailure: failure('2026-01-02T03:04:06Z', 500) })).toBe(500);
  });

  it('is absent when the later attempt got no response', () => {
    const lastSuccess = success('2026-01-02T03:04:05Z');
    expect(lastStatusCode({ lastSuccess, lastFailure: failure('2026-01-02T03:04:06Z') })).toBeUndefined();
  });
});
