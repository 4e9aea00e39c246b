import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubeClient, type KubeClient } from './client.ts';
import { leaseNameOf, Membership, type MembershipOptions } from './membership.ts';
import { answer, FakeApiServer, statusObject } from './testing/fake-api-server.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { trackCalls, type TrackedClient } from './testing/tracked-client.ts';

const LEASES_PATH = '/apis/coordination.k8s.io/v1/namespaces/ops/leases';

let server: FakeApiServer;
let clock: ManualClock;
let client: KubeClient;
let tracked: TrackedClient;
let started: Membership[];

beforeEach(async () => {
  server = await FakeApiServer.start();
  clock = new ManualClock();
  tracked = trackCalls(createKubeClient({ credentials: server.credentials, clock }));
  client = tracked.client;
  started = [];
});

afterEach(async () => {
  for (const membership of started) await membership.stop();
  client.close();
  await server.stop();
});

function member(identity: string, options: Partial<MembershipOptions> = {}): Membership {
  const membership = new Membership({ client, clock, namespace: 'ops', prefix: 'wo', identity, ...options });
  started.push(membership);
  membership.start();
  return membership;
}

/** Lets time pass, but not while a call runs. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    await tracked.idle();
    clock.advance(500);
  }
  await tracked.idle();
}

describe('Membership', () => {
  it('takes a lease that others can find, and renews it every 5 s', async () => {
    const a = member('pod-a_1');
    expect(a.members()).toEqual([]);
    expect(a.hasLease()).toBe(false);
    await a.waitUntilJoined();
    expect(a.members()).toEqual(['pod-a_1']);
    const path = `${LEASES_PATH}/${a.leaseName}`;
    expect(server.store.get(path)).toMatchObject({
      metadata: { labels: { 'webhook-operator.dev/member-of': 'wo' } },
      spec: { holderIdentity: 'pod-a_1', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' },
    });
    await pass(5000);
    expect(server.store.get(path)).toMatchObject({ spec: { renewTime: '2026-01-01T00:00:05.000000Z' } });
    expect(a.hasLease()).toBe(true);
  });

  it('tells everybody when somebody joins or leaves by will', async () => {
    const a = member('a');
    await a.waitUntilJoined();
    const changes: (readonly string[])[] = [];
    a.onChange((members) => changes.push(members));
    const b = member('b');
    await b.waitUntilJoined();
    expect(b.members()).toEqual(['a', 'b']);
    await pass(5500);
    await b.stop();
    expect(server.store.get(`${LEASES_PATH}/${b.leaseName}`)).toBeUndefined();
    await pass(5500);
    expect(changes).toEqual([['a', 'b'], ['a']]);
  });

  it('says that somebody has left also when the lease could not be deleted', async () => {
    const a = member('a');
    await a.waitUntilJoined();
    const b = member('b');
    await b.waitUntilJoined();
    server.intercept = (request, response) => {
      if (request.method !== 'DELETE') return false;
      answer(response, { status: 403, body: statusObject(403, 'Forbidden', 'no') });
      return true;
    };
    await b.stop();
    expect(server.store.get(`${LEASES_PATH}/${b.leaseName}`)).toMatchObject({ spec: { holderIdentity: '' } });
    await pass(5500);
    expect(a.members()).toEqual(['a']);
  });

  it('takes out who died after 15 s without a renewal, and deletes the lease after 10 minutes', async () => {
    server.store.put(`${LEASES_PATH}/wo-member-dead`, {
      metadata: { namespace: 'ops', name: 'wo-member-dead', labels: { 'webhook-operator.dev/member-of': 'wo' } },
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime: '2031-01-01T00:00:00.000000Z' },
    } as never);
    const a = member('a', { collectAfterMs: 60_000 });
    await a.waitUntilJoined();
    await pass(14_500);
    expect(a.members()).toEqual(['a', 'dead']);
    await pass(5500);
    expect(a.members()).toEqual(['a']);
    expect(server.store.size).toBe(2);
    await pass(45_000);
    expect(server.store.size).toBe(1);
  });

  it('keeps the last known members while the API server is away, and for a full duration after', async () => {
    const a = member('a');
    const b = member('b');
    await pass(5500);
    expect([a.members(), b.members()]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    const changes: unknown[] = [];
    a.onChange((members) => changes.push(members));
    b.onChange((members) => changes.push(members));
    await server.stop();
    await pass(60_000);
    expect(a.hasLease()).toBe(false);
    await server.listen();
    await pass(20_000);
    expect(a.hasLease()).toBe(true);
    expect(changes).toEqual([]);
  });

  it('makes its lease anew when somebody deleted it', async () => {
    const a = member('a');
    await a.waitUntilJoined();
    server.store.remove(`${LEASES_PATH}/${a.leaseName}`);
    await pass(5500);
    expect(server.store.get(`${LEASES_PATH}/${a.leaseName}`)).toBeDefined();
    expect(a.members()).toEqual(['a']);
  });

  it('survives a handler that throws', async () => {
    const a = member('a');
    a.onChange(() => {
      throw new Error('no');
    });
    await a.waitUntilJoined();
    await pass(5500);
    expect(a.hasLease()).toBe(true);
  });

  it('stops without a word when it never joined', async () => {
    await server.stop();
    const a = member('a');
    await a.stop();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('leaseNameOf', () => {
  it('keeps an identity that is a valid name', () => {
    expect(leaseNameOf('wo', 'pod-7c9d.x')).toBe('wo-member-pod-7c9d.x');
  });

  it('makes other identities valid and keeps them apart', () => {
    expect(leaseNameOf('wo', 'Pod_1')).toMatch(/^wo-member-pod-1-[0-9a-f]{10}$/);
    expect(leaseNameOf('wo', 'pod_1')).not.toBe(leaseNameOf('wo', 'Pod_1'));
    const long = leaseNameOf('wo', 'x'.repeat(300));
    expect(long.length).toBeLessThanOrEqual(253);
  });
});
