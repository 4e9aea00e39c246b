import { afterEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../kubernetes/testing/manual-clock.ts';
import { type AgentPool, type AgentPoolOptions, connectTimeoutClass, createAgentPool } from './agents.ts';

const pools: AgentPool[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
});

function newPool(options?: AgentPoolOptions): AgentPool {
  const pool = createAgentPool(options);
  pools.push(pool);
  return pool;
}

const profile = { allowedCIDRs: ['10.0.0.0/8'], connectTimeoutMs: 5000 };

describe('one agent per profile', () => {
  test('equal profiles share one', () => {
    const pool = newPool();
    expect(pool.get({ ...profile, allowedCIDRs: [...profile.allowedCIDRs] })).toBe(pool.get(profile));
    expect(pool.size).toBe(1);
  });

  test.each([
    ['the network policy', { allowedCIDRs: [] }],
    ['the class of the connect timeout', { connectTimeoutMs: 6000 }],
    ['the TLS identity', { tls: { key: 'other', options: {} } }],
  ])('profiles that differ in %s do not', (_, difference) => {
    const pool = newPool();
    expect(pool.get({ ...profile, ...difference })).not.toBe(pool.get(profile));
  });

  test('a caller that changes its list afterwards changes no policy', () => {
    const pool = newPool();
    const allowedCIDRs = ['10.0.0.0/8'];
    const agent = pool.get({ ...profile, allowedCIDRs });
    allowedCIDRs.push('192.168.0.0/16');
    expect(pool.get({ ...profile, allowedCIDRs })).not.toBe(agent);
    expect(pool.get(profile)).toBe(agent);
  });
});

test('connect timeouts are rounded up to a few classes', () => {
  expect([1, 1000, 1001, 5000, 60_000, 900_000].map(connectTimeoutClass)).toEqual([
    1000, 1000, 2000, 5000, 60_000, 300_000,
  ]);
});

describe('agents are bounded', () => {
  test('the one used longest ago is closed above the limit', () => {
    const pool = newPool({ maxAgents: 2 });
    const [a, b, c] = [1000, 2000, 5000].map((connectTimeoutMs) => ({ ...profile, connectTimeoutMs }));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three profiles');
    const first = pool.get(a);
    const second = pool.get(b);
    pool.get(a);
    pool.get(c);
    expect(pool.size).toBe(2);
    expect(pool.get(a)).toBe(first);
    expect(pool.get(b)).not.toBe(second);
  });

  test('one that was not asked for during idleMs is closed, one in use stays', () => {
    const clock = new ManualClock();
    const pool = newPool({ clock, idleMs: 1000 });
    const idle = pool.get(profile);
    const used = pool.get({ ...profile, tls: { key: 'a', options: {} } });
    for (let n = 0; n < 4; n += 1) {
      clock.advance(400);
      expect(pool.get({ ...profile, tls: { key: 'a', options: {} } })).toBe(used);
    }
    clock.advance(400);
    expect(pool.size).toBe(1);
    expect(pool.get(profile)).not.toBe(idle);
    clock.advance(3000);
    expect(pool.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });
});
