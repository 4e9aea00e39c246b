import { describe, expect, it } from 'vitest';
import { MembershipView, type Lease } from './membership-view.ts';

function lease(holder: string, renewTime: number, options: { uid?: string; seconds?: number } = {}): Lease {
  return {
    metadata: { name: `m-${holder}`, uid: options.uid ?? 'u' },
    spec: {
      holderIdentity: holder,
      renewTime: String(renewTime),
      ...(options.seconds === undefined ? {} : { leaseDurationSeconds: options.seconds }),
    },
  };
}

function view(): MembershipView {
  return new MembershipView({ leaseDurationMs: 15_000, longestGapMs: 10_000, collectAfterMs: 600_000 });
}

describe('MembershipView', () => {
  it('counts everybody as alive at first sight, whatever the times inside say', () => {
    expect(view().observe([lease('b', 1), lease('a', 9_999_999)], 0).members).toEqual(['a', 'b']);
  });

  it('takes a member out when its record has not changed for its duration', () => {
    const seen = view();
    for (const now of [0, 5000, 10_000]) expect(seen.observe([lease('a', 1)], now).members).toEqual(['a']);
    expect(seen.observe([lease('a', 1)], 14_999).members).toEqual(['a']);
    expect(seen.observe([lease('a', 1)], 15_000).members).toEqual([]);
  });

  it('keeps a member whose record changes, and takes one back that starts to renew again', () => {
    const seen = view();
    for (let now = 0; now <= 60_000; now += 5000) {
      expect(seen.observe([lease('a', now)], now).members).toEqual(['a']);
    }
    for (let now = 65_000; now <= 75_000; now += 5000) seen.observe([lease('a', 60_000)], now);
    expect(seen.observe([lease('a', 60_000)], 80_000).members).toEqual([]);
    expect(seen.observe([lease('a', 85_000)], 85_000).members).toEqual(['a']);
  });

  it('goes by the duration that the lease names', () => {
    const seen = view();
    seen.observe([lease('a', 1, { seconds: 30 })], 0);
    for (let now = 5000; now < 30_000; now += 5000) {
      expect(seen.observe([lease('a', 1, { seconds: 30 })], now).members).toEqual(['a']);
    }
    expect(seen.observe([lease('a', 1, { seconds: 30 })], 30_000).members).toEqual([]);
  });

  it('takes a member out at once when its lease was released or is gone', () => {
    const seen = view();
    seen.observe([lease('a', 1), lease('b', 1)], 0);
    expect(seen.observe([{ ...lease('a', 1), spec: { holderIdentity: '' } }], 1).members).toEqual([]);
    expect(seen.observe([{ metadata: { name: 'm-a' } }], 2).members).toEqual([]);
  });

  it('does not count the time in which nothing was seen: nobody could renew', () => {
    const seen = view();
    seen.observe([lease('a', 1)], 0);
    seen.observe([lease('a', 1)], 10_000);
    expect(seen.observe([lease('a', 1)], 70_000).members).toEqual(['a']);
    expect(seen.observe([lease('a', 1)], 80_000).members).toEqual(['a']);
    expect(seen.observe([lease('a', 1)], 84_999).members).toEqual(['a']);
    expect(seen.observe([lease('a', 1)], 85_000).members).toEqual([]);
  });

  it('does not bring the dead back after a gap', () => {
    const seen = view();
    for (let now = 0; now <= 20_000; now += 5000) seen.observe([lease('a', 1)], now);
    expect(seen.observe([lease('a', 1)], 90_000).members).toEqual([]);
    expect(seen.observe([lease('a', 2)], 95_000).members).toEqual(['a']);
  });

  it('counts a lease made anew with the same content as a change', () => {
    const seen = view();
    for (const now of [0, 7000, 14_000]) seen.observe([lease('a', 1)], now);
    expect(seen.observe([lease('a', 1, { uid: 'another' })], 16_000).members).toEqual(['a']);
  });

  it('names leases for collection only when they were dead for long', () => {
    const seen = view();
    const dead = lease('a', 1);
    for (let now = 0; now < 600_000; now += 10_000) {
      expect(seen.observe([dead, lease('b', now)], now).collectable).toEqual([]);
    }
    expect(seen.observe([dead, lease('b', 600_000)], 600_000)).toEqual({ members: ['b'], collectable: [dead] });
  });
});
