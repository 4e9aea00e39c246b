/** Events, status and Secrets on a real API server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { KubeClient } from '../../src/kubernetes/client.ts';
import { EventRecorder } from '../../src/kubernetes/event-recorder.ts';
import type { EventObject } from '../../src/kubernetes/event-series.ts';
import { EVENTS, SECRETS, type KubeObject, type ResourceType } from '../../src/kubernetes/kube-object.ts';
import { Reflector } from '../../src/kubernetes/reflector.ts';
import { SecretReader } from '../../src/kubernetes/secret-reader.ts';
import { StatusWriter } from '../../src/kubernetes/status-writer.ts';
import { sharedControlPlane } from '../cluster/shared.ts';
import { clientFrom, createNamespace, until } from './support.ts';

const group = 'writers.test.example';
const THINGS: ResourceType = { group, version: 'v1', plural: 'things', kind: 'Thing', namespaced: true };

interface Thing extends KubeObject {
  readonly status?: {
    readonly count?: number;
    readonly note?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

let client: KubeClient;
let namespace: string;

beforeAll(async () => {
  const cluster = sharedControlPlane();
  client = await clientFrom(cluster.kubeconfig);
  namespace = await createNamespace(client, 'writers');
  await cluster.apply(thingsDefinition);
  const established = await cluster.kubectl('wait', '--for=condition=Established', `crd/things.${group}`);
  expect(established.code, established.stderr).toBe(0);
});

afterAll(async () => {
  await sharedControlPlane().kubectl('delete', 'crd', `things.${group}`, '--wait=false');
  client?.close();
});

const thingsDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.${group}}
spec:
  group: ${group}
  scope: Namespaced
  names: {plural: things, singular: thing, kind: Thing}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            status:
              type: object
              properties:
                count: {type: integer, maximum: 1000}
                note: {type: string}
                conditions:
                  type: array
                  x-kubernetes-list-type: map
                  x-kubernetes-list-map-keys: [type]
                  items:
                    type: object
                    required: [type]
                    properties: {type: {type: string}, status: {type: string}}
`;

describe('StatusWriter on a real API server', () => {
  it('writes what differs, removes what is no longer wanted, and leaves the object alone otherwise', async () => {
    const things = new Reflector<Thing>({ client, type: THINGS, clock: systemClock });
    things.start();
    await things.waitForSync();
    const writer = new StatusWriter({
      client,
      type: THINGS,
      clock: systemClock,
      read: (key) => things.get(key),
      fieldManager: 'writers-test',
      minIntervalMs: 500,
    });
    writer.start();
    const metadata = { namespace, name: 'one' };
    const key = `${namespace}/one`;
    await client.create(THINGS, { apiVersion: `${group}/v1`, kind: 'Thing', metadata });
    await until(() => things.get(key) !== undefined);

    const conditions = [{ type: 'Active', status: 'True' }];
    writer.write(key, { count: 1, note: 'here', conditions: [...conditions, { type: 'Full', status: 'True' }] });
    await until(() => things.get(key)?.status?.conditions?.length === 2);
    writer.write(key, { count: 2, conditions }, { urgent: true });
    await until(() => things.get(key)?.status?.count === 2);
    expect(things.get(key)?.status).toEqual({ count: 2, conditions });

    const version = things.get(key)?.metadata.resourceVersion;
    writer.write(key, { conditions, count: 2 }, { urgent: true });
    await until(() => writer.pending === 0);
    const live = await client.get<Thing>(THINGS, metadata);
    expect(live.metadata.resourceVersion).toBe(version);
    expect(live.metadata.generation).toBe(1);

    // What a person changed is put right.
    await client.patchStatus(THINGS, metadata, { status: { count: 999 } }, { type: 'merge' });
    await until(() => things.get(key)?.status?.count === 999);
    await new Promise((resolve) => {
      setTimeout(resolve, 600);
    });
    writer.write(key, { conditions, count: 2 });
    await until(() => things.get(key)?.status?.count === 2);

    // Refused by the schema: not repeated, and the next one goes through.
    writer.write(key, { count: 100_000 }, { urgent: true });
    await until(() => writer.pending === 0);
    writer.write(key, { count: 3 }, { urgent: true });
    await until(() => things.get(key)?.status?.count === 3);

    // Deleted and made anew between the decision and the write: the uid in the patch protects the new one.
    const stale = things.get(key);
    await things.stop();
    await client.delete(THINGS, metadata);
    await client.create(THINGS, { apiVersion: `${group}/v1`, kind: 'Thing', metadata });
    expect(stale?.metadata.uid).toBeDefined();
    writer.write(key, { count: 4 }, { urgent: true });
    await new Promise((resolve) => {
      setTimeout(resolve, 500);
    });
    expect((await client.get<Thing>(THINGS, metadata)).status).toBeUndefined();
    await writer.stop(0);
  });

  it('does not create an object by its status', async () => {
    const patch = {
      apiVersion: `${group}/v1`,
      kind: 'Thing',
      metadata: { namespace, name: 'never', uid: 'a-uid' },
      status: { count: 1 },
    };
    const strategy = { type: 'apply', fieldManager: 'writers-test', force: true } as const;
    await expect(client.patchStatus(THINGS, { namespace, name: 'never' }, patch, strategy)).rejects.toMatchObject({
      status: 404,
    });
  });
});

describe('EventRecorder on a real API server', () => {
  it('writes an Event, then its series', async () => {
    const recorder = new EventRecorder({
      client,
      clock: systemClock,
      controller: 'webhook-operator.dev/operator',
      instance: 'webhook-operator-test',
    });
    recorder.start();
    const regarding = { apiVersion: `${group}/v1`, kind: 'Thing', namespace, name: 'crm', uid: 'a-uid' };
    const happened = { regarding, type: 'Warning', reason: 'Disabled', action: 'Disable', note: 'No success' } as const;
    const events = async (): Promise<EventObject[]> => {
      const { items } = await client.list<EventObject>(EVENTS, { namespace });
      return items.filter((event) => event.regarding.name === 'crm');
    };
    recorder.record(happened);
    await until(async () => (await events()).length === 1);
    recorder.record(happened);
    recorder.record(happened);
    await until(async () => (await events())[0]?.series !== undefined);
    const [event, ...others] = await events();
    expect(others).toEqual([]);
    expect(event).toMatchObject({ ...happened, reportingInstance: 'webhook-operator-test' });
    expect(event?.series?.count).toBeGreaterThanOrEqual(2);

    // The object expires before the series does.
    await client.delete(EVENTS, { namespace, name: event?.metadata.name ?? '' });
    const other = { ...happened, reason: 'Failing' };
    recorder.record(other);
    await until(async () => (await events()).length === 1);
    await client.delete(EVENTS, { namespace, name: (await events())[0]?.metadata.name ?? '' });
    recorder.record(other);
    await until(async () => (await events())[0]?.series?.count === 2);

    const described = await sharedControlPlane().kubectl('get', 'events', '-n', namespace);
    expect(described.stdout).toMatch(/Failing\s+thing\/crm\s+No success/);
    await recorder.stop();
  });

  it('writes events about cluster-scoped objects', async () => {
    const dropped: string[] = [];
    const recorder = new EventRecorder({
      client,
      clock: systemClock,
      controller: 'webhook-operator.dev/operator',
      instance: 'webhook-operator-test',
      observer: { dropped: (reason) => dropped.push(reason) },
    });
    recorder.start();
    const regarding = { apiVersion: 'v1', kind: 'Namespace', name: namespace };
    recorder.record({ regarding, type: 'Normal', reason: 'Seen', action: 'Look', note: 'ü'.repeat(2000) });
    await recorder.stop();
    const { items } = await client.list<EventObject>(EVENTS, { namespace: 'default' });
    expect(items.filter((event) => event.regarding.name === namespace)).toHaveLength(1);
    expect(dropped).toEqual([]);
  });
});

describe('SecretReader on a real API server', () => {
  it('reads usable Secrets only, and sees a change once its answer is old', async () => {
    const reader = new SecretReader({ client, clock: systemClock, maxAgeMs: 200 });
    const metadata = { namespace, name: 'crm', labels: { 'webhook-operator.dev/usable': 'true' } };
    const ref = { namespace, name: 'crm', key: 'token' };
    expect(await reader.read(ref)).toMatchObject({ outcome: 'NotFound' });
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { token: 'one\n', bad: 'a\u0000b' } };
    await client.create(SECRETS, secret);
    await until(async () => (await reader.read(ref)).outcome === 'ok');
    expect(await reader.read(ref)).toEqual({ outcome: 'ok', value: Buffer.from('one') });
    expect(await reader.read({ ...ref, key: 'bad' })).toMatchObject({ outcome: 'Invalid' });
    const unlabel = { metadata: { labels: { 'webhook-operator.dev/usable': null } } };
    await client.patch(SECRETS, metadata, unlabel, { type: 'merge' });
    await until(async () => (await reader.read(ref)).outcome === 'NotAllowed');
  });

  it('is told by RBAC what it may not read', async () => {
    const stranger = await clientFrom(sharedControlPlane().kubeconfigFor('stranger'));
    const reader = new SecretReader({ client: stranger, clock: systemClock });
    expect(await reader.read({ namespace, name: 'crm', key: 'token' })).toEqual({
      outcome: 'NotAllowed',
      message: 'the operator may not read Secret crm',
    });
    stranger.close();
  });
});
