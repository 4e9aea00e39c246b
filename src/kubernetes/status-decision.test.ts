import { describe, expect, it } from 'vitest';
import { decideStatusWrite, type LastStatusWrite, type StatusQuestion } from './status-decision.ts';

const old = { failures: 0 };
const next = { failures: 1 };
const other = { failures: 7 };

function ask(question: Partial<StatusQuestion>): unknown {
  const decision = decideStatusWrite({
    desired: next,
    cached: old,
    last: undefined,
    urgent: false,
    now: 100_000,
    minIntervalMs: 30_000,
    ...question,
  });
  return decision.action === 'wait' ? decision.delayMs : decision.action;
}

function wrote(status: unknown, agoMs: number, result = status): LastStatusWrite {
  return { desired: status, result, at: 100_000 - agoMs };
}

describe('decideStatusWrite', () => {
  it('writes what differs from the cache and skips what does not', () => {
    expect(ask({})).toBe('write');
    expect(ask({ cached: undefined })).toBe('write');
    expect(ask({ cached: { failures: 1 } })).toBe('skip');
    expect(ask({ cached: { failures: 1 }, urgent: true })).toBe('skip');
  });

  it('holds a change back until the interval since the last write is over, but not a transition', () => {
    expect(ask({ last: wrote(old, 10_000) })).toBe(20_000);
    expect(ask({ last: wrote(old, 30_000) })).toBe('write');
    expect(ask({ last: wrote(old, 10_000), urgent: true })).toBe('write');
  });

  it('does not write again what the cache does not show yet, and looks again later', () => {
    expect(ask({ last: wrote(next, 10), urgent: true })).toBe(29_990);
    expect(ask({ last: wrote(next, 10), cached: next })).toBe('skip');
  });

  it('is not fooled by a cache that still shows the status that is wanted again', () => {
    expect(ask({ desired: old, cached: old, last: wrote(next, 10), urgent: true })).toBe('write');
    expect(ask({ desired: old, cached: old, last: wrote(next, 10) })).toBe(29_990);
  });

  it('puts right what somebody else changed, once the interval is over', () => {
    expect(ask({ last: wrote(next, 10_000), cached: other })).toBe(20_000);
    expect(ask({ last: wrote(next, 40_000), cached: other })).toBe('write');
  });

  it('accepts what the server made of the status, and does not ask for the same again', () => {
    const defaulted = { failures: 1, added: true };
    expect(ask({ last: wrote(next, 10, defaulted), cached: defaulted })).toBe('skip');
    expect(ask({ last: wrote(next, 90_000, defaulted), cached: defaulted })).toBe('skip');
    expect(ask({ desired: other, last: wrote(next, 90_000, defaulted), cached: defaulted })).toBe('write');
  });
});
