import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { failureReasons } from './attempt.ts';
import { EgressGuard, isNetworkFailure } from './egress-guard.ts';

function guard() {
  const time = { now: 0 };
  return { time, egress: new EgressGuard(() => time.now) };
}
function fail(egress: EgressGuard, webhooks: number, hosts: number) {
  for (let index = 0; index < webhooks; index += 1) egress.recordNetworkFailure(`w${index}`, `h${index % hosts}`);
}

describe('an outage of our own egress', () => {
  test.each([
    [21, 10, 100, true],
    [20, 10, 100, false],
    [21, 9, 100, false],
    [10, 10, 10, true],
    [9, 9, 9, false],
    [0, 1, 0, false],
  ])('%d webhooks on %d hosts of %d: %s', (webhooks, hosts, active, expected) => {
    const { egress } = guard();
    fail(egress, webhooks, hosts);
    expect(egress.suspected(active)).toBe(expected);
  });

  test('is over a minute after the last failures', () => {
    const { time, egress } = guard();
    fail(egress, 30, 30);
    time.now = 59_999;
    expect(egress.suspected(100)).toBe(true);
    time.now = 60_000;
    expect(egress.suspected(100)).toBe(false);
  });

  test('lasts while webhooks keep failing', () => {
    const { time, egress } = guard();
    fail(egress, 30, 30);
    time.now = 50_000;
    fail(egress, 25, 25);
    time.now = 100_000;
    expect(egress.suspected(100)).toBe(true);
  });

  test('is not told from one webhook that fails over and over', () => {
    const { egress } = guard();
    for (let host = 0; host < 50; host += 1) egress.recordNetworkFailure('w', `h${host}`);
    expect(egress.suspected(1)).toBe(false);
  });

  test('ends as receivers answer', () => {
    const { egress } = guard();
    fail(egress, 21, 21);
    egress.recordAnswer('w0');
    expect(egress.suspected(100)).toBe(false);
  });

  test('does not count the hosts of webhooks that are gone', () => {
    const { egress } = guard();
    fail(egress, 20, 10);
    egress.forget('w0');
    expect(egress.suspected(20)).toBe(true);
    egress.forget('w10');
    expect(egress.suspected(20)).toBe(false);
  });

  test('an answer where nothing failed is fine', () => {
    const { egress } = guard();
    egress.recordAnswer('w');
    egress.recordNetworkFailure('v', 'h');
    egress.recordAnswer('w');
    expect(egress.suspected(1)).toBe(false);
  });

  test('equals a count over the last minute', () => {
    const step = fc.record({ uid: fc.nat(30), host: fc.nat(15), fails: fc.boolean(), pause: fc.nat(9000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.nat(100), (steps, active) => {
        const { time, egress } = guard();
        const last = new Map<number, { host: number; at: number }>();
        for (const { uid, host, fails, pause } of steps) {
          time.now += pause;
          if (fails) {
            egress.recordNetworkFailure(String(uid), String(host));
            last.set(uid, { host, at: time.now });
          } else {
            egress.recordAnswer(String(uid));
            last.delete(uid);
          }
          const recent = [...last.values()].filter(({ at }) => at > time.now - 60_000);
          const expected = new Set(recent.map((entry) => entry.host)).size >= 10 && recent.length > active * 0.2;
          expect(egress.suspected(active)).toBe(expected);
        }
      }),
    );
  });
});

test('faults that may be our own network are told from answers and refusals of our own', () => {
  expect(failureReasons.filter(isNetworkFailure)).toEqual([
    'Timeout',
    'ConnectionRefused',
    'ConnectionReset',
    'ConnectionFailed',
    'TLSError',
    'DNSError',
  ]);
});
