/** Membership leases on a real API server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { KubeClient } from '../../src/kubernetes/client.ts';
import { LEASES } from '../../src/kubernetes/kube-object.ts';
import { Membership } from '../../src/kubernetes/membership.ts';
import type { Lease } from '../../src/kubernetes/membership-view.ts';
import { assignSlots } from '../../src/kubernetes/rendezvous.ts';
import { sharedControlPlane } from '../cluster/shared.ts';
import { clientFrom, createNamespace, until } from './support.ts';

const SLOTS = 16;
const times = { leaseDurationMs: 3000, renewIntervalMs: 500, renewDeadlineMs: 2000, retryIntervalMs: 300 };

let client: KubeClient;
let namespace: string;

beforeAll(async () => {
  client = await clientFrom(sharedControlPlane().kubeconfig);
  namespace = await createNamespace(client, 'membership');
});

afterAll(() => client?.close());

function slotsOf(membership: Membership): number[] {
  const assignment = assignSlots(membership.members(), SLOTS);
  return [...assignment].filter(([, owner]) => owner === membership.identity).map(([slot]) => slot);
}

describe('Members', () => {
  it('share the slots; when one dies the other takes its slots over, not before its lease has run out', async () => {
    const dying = await clientFrom(sharedControlPlane().kubeconfig);
    const common = { clock: systemClock, namespace, prefix: 'wo', collectAfterMs: 5000, ...times };
    const a = new Membership({ ...common, client, identity: 'pod-a_1' });
    const b = new Membership({ ...common, client: dying, identity: 'pod-b_2' });
    a.start();
    b.start();
    await until(() => a.members().length === 2 && b.members().length === 2);
    expect([...slotsOf(a), ...slotsOf(b)].sort((x, y) => x - y)).toEqual([...Array(SLOTS).keys()]);
    const kept = slotsOf(a);

    dying.close();
    const diedAt = performance.now();
    await until(() => slotsOf(a).length === SLOTS);
    // It may have renewed up to one interval before it died.
    expect(performance.now() - diedAt).toBeGreaterThan(times.leaseDurationMs - times.renewIntervalMs - 100);
    expect(slotsOf(a)).toEqual(expect.arrayContaining(kept));
    expect(b.members()).toEqual(['pod-a_1', 'pod-b_2']);
    expect(b.hasLease()).toBe(false);

    await until(async () => (await client.list(LEASES, { namespace })).items.length === 1);
    await Promise.all([a.stop(), b.stop()]);
    expect((await client.list(LEASES, { namespace })).items).toEqual([]);
  });

  it('hand over at the next look when one leaves by will', async () => {
    const common = { client, clock: systemClock, namespace, prefix: 'other', ...times, leaseDurationMs: 60_000 };
    const a = new Membership({ ...common, identity: 'a' });
    const b = new Membership({ ...common, identity: 'b' });
    a.start();
    b.start();
    await until(() => a.members().length === 2);
    const lease = await client.get<Lease>(LEASES, { namespace, name: b.leaseName });
    expect(lease.spec).toMatchObject({ holderIdentity: 'b', leaseDurationSeconds: 60 });
    const leftAt = performance.now();
    await b.stop();
    await until(() => slotsOf(a).length === SLOTS);
    expect(performance.now() - leftAt).toBeLessThan(5000);
    await a.stop();
  });
});
