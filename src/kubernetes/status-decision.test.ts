import { describe, expect, it } from 'vitest';
import { decideStatusWrite, type LastStatusWrite, type StatusQuestion } from './status-decision.ts';

const old = { failures: 0 };
const next = { failures: 1 };
const other = { failures: 7 };

function ask(question: Partial<StatusQuestion>): unknown {
  const decision = decideStatusWrite({
    desired: next,
    current: old,
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
  it('writes what differs and skips what does not', () => {
    expect(ask({})).toBe('write');
    expect(ask({ current: undefined })).toBe('write');
    expect(ask({ current: { failures: 1 } })).toBe('skip');
    expect(ask({ current: { failures: 1 }, urgent: true })).toBe('skip');
  });

  it('holds a change back until the interval since the last write is over, but not a transition', () => {
    expect(ask({ last: wrote(old, 10_000) })).toBe(20_000);
    expect(ask({ last: wrote(old, 30_000) })).toBe('write');
    expect(ask({ last: wrote(old, 10_000), urgent: true })).toBe('write');
  });

  it('puts right what somebody else changed, once the interval is over', () => {
    expect(ask({ last: wrote(next, 10_000), current: other })).toBe(20_000);
    expect(ask({ last: wrote(next, 40_000), current: other })).toBe('write');
  });

  it('accepts what the server made of the status, and does not ask for the same again', () => {
    const defaulted = { failures: 1, added: true };
    expect(ask({ last: wrote(next, 10, defaulted), current: defaulted, urgent: true })).toBe('skip');
    expect(ask({ last: wrote(next, 90_000, defaulted), current: defaulted })).toBe('skip');
    expect(ask({ desired: other, last: wrote(next, 90_000, defaulted), current: defaulted })).toBe('write');
  });
});
