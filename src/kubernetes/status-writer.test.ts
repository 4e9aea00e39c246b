import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubeClient, type KubeClient } from './client.ts';
import type { ResourceType } from './kube-object.ts';
import { StatusWriter } from './status-writer.ts';
import { answer, FakeApiServer, fakeObject, statusObject } from './testing/fake-api-server.ts';
import type { StoredObject } from './testing/fake-object-store.ts';
import { eventually, ManualClock } from './testing/manual-clock.ts';

const THINGS: ResourceType = {
  group: 'test.example',
  version: 'v1',
  plural: 'things',
  kind: 'Thing',
  namespaced: true,
};
const PATH = '/apis/test.example/v1/namespaces/a/things/one';

let server: FakeApiServer;
let clock: ManualClock;
let client: KubeClient;
let writer: StatusWriter;
/** What a cache shows that lags behind. */
let stale: StoredObject | undefined;

beforeEach(async () => {
  server = await FakeApiServer.start();
  clock = new ManualClock();
  client = createKubeClient({ credentials: server.credentials, clock });
  writer = new StatusWriter({
    client,
    type: THINGS,
    clock,
    fieldManager: 'webhook-operator',
    read: (key) => stale ?? server.store.get(PATH.replace('one', key.slice(2))),
  });
  stale = undefined;
  server.store.put(PATH, fakeObject('a', 'one'));
  writer.start();
});

afterEach(async () => {
  await writer.stop(0);
  client.close();
  await server.stop();
});

function patches(): unknown[] {
  return server.requests.map((request) => (JSON.parse(request.body) as { status: unknown }).status);
}

async function settled(): Promise<void> {
  await eventually(() => writer.pending === 0, { what: 'nothing is pending' });
}

describe('StatusWriter', () => {
  it('applies the status to the status subresource of that very object', async () => {
    writer.write('a/one', { failures: 1 });
    await settled();
    const [request] = server.requests;
    expect(request?.path).toBe(`${PATH}/status`);
    expect(request?.query.toString()).toBe('fieldManager=webhook-operator&force=true');
    expect(JSON.parse(request?.body ?? '')).toEqual({
      apiVersion: 'test.example/v1',
      kind: 'Thing',
      metadata: { name: 'one', namespace: 'a', resourceVersion: '101' },
      status: { failures: 1 },
    });
  });

  it('writes nothing when nothing changed', async () => {
    writer.write('a/one', { failures: 1, list: [1] });
    await settled();
    writer.write('a/one', { list: [1], failures: 1 });
    writer.write('a/one', { list: [1], failures: 1 }, { urgent: true });
    await settled();
    expect(server.requests).toHaveLength(1);
  });

  it('coalesces changes to one write every 30 s', async () => {
    writer.write('a/one', { failures: 1 });
    await settled();
    for (let failures = 2; failures <= 9; failures += 1) writer.write('a/one', { failures });
    await eventually(() => clock.nextTimerIn === 30_000);
    clock.advance(29_999);
    expect(server.requests).toHaveLength(1);
    clock.advance(1);
    await settled();
    expect(patches()).toEqual([{ failures: 1 }, { failures: 9 }]);
  });

  it('writes a transition at once, with the changes that were held back', async () => {
    writer.write('a/one', { failures: 1 });
    await settled();
    writer.write('a/one', { failures: 2 });
    writer.write('a/one', { failures: 3, disabled: true }, { urgent: true });
    await settled();
    writer.write('a/one', { failures: 4, disabled: false }, { urgent: true });
    writer.write('a/one', { failures: 5, disabled: false });
    await settled();
    expect(patches()).toEqual([{ failures: 1 }, { failures: 3, disabled: true }, { failures: 5, disabled: false }]);
  });

  it('is not fooled by a cache that lags behind its own writes', async () => {
    stale = server.store.put(PATH, { ...fakeObject('a', 'one'), status: { on: true } } as never);
    for (const on of [false, true, false, false, true]) {
      writer.write('a/one', { on }, { urgent: true });
      await settled();
    }
    expect(patches()).toEqual([{ on: false }, { on: true }, { on: false }, { on: true }]);
    expect(server.store.get(PATH)).toMatchObject({ status: { on: true } });
  });

  it('writes again upon what somebody else changed in between', async () => {
    stale = server.store.get(PATH);
    server.store.put(PATH, fakeObject('a', 'one', { changed: true }));
    writer.write('a/one', { failures: 1 }, { urgent: true });
    await eventually(() => server.requests.length === 1 && clock.nextTimerIn === 250);
    stale = undefined;
    clock.advance(250);
    await settled();
    expect(server.store.get(PATH)).toMatchObject({ spec: { changed: true }, status: { failures: 1 } });
  });

  it('tries again while the API server is away, and then writes the latest', async () => {
    await server.stop();
    writer.write('a/one', { failures: 1 });
    await eventually(() => clock.nextTimerIn === 250);
    clock.advance(250);
    await eventually(() => clock.nextTimerIn === 500);
    writer.write('a/one', { failures: 2 });
    await server.listen();
    await eventually(() => writer.pending === 0, { eachTurn: () => clock.advance(100) });
    expect(patches()).toEqual([{ failures: 2 }]);
  });

  it('does not write to an object that was made anew under the name', async () => {
    server.intercept = (request, response) => {
      server.intercept = undefined;
      server.store.remove(PATH);
      server.store.put(PATH, fakeObject('a', 'one'));
      answer(response, server.store.handle(request));
      return true;
    };
    writer.write('a/one', { failures: 1 });
    await eventually(() => writer.pending === 0, { eachTurn: () => clock.advance(100) });
    expect(server.store.get(PATH)).not.toHaveProperty('status');
    expect(server.requests).toHaveLength(1);
  });

  it('gives up on an object that is gone', async () => {
    writer.write('a/none', { failures: 1 });
    expect(writer.pending).toBe(0);
    server.intercept = (_request, response) => {
      answer(response, { status: 404, body: statusObject(404, 'NotFound', 'gone') });
      return true;
    };
    writer.write('a/one', { failures: 1 });
    await settled();
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not repeat what the server refuses as invalid', async () => {
    server.intercept = (_request, response) => {
      answer(response, { status: 422, body: statusObject(422, 'Invalid', 'status.failures: too many') });
      return true;
    };
    writer.write('a/one', { failures: 1 });
    await settled();
    expect(server.requests).toHaveLength(1);
  });

  it('writes what it holds back when it is stopped', async () => {
    writer.write('a/one', { failures: 1 });
    await settled();
    writer.write('a/one', { failures: 2 });
    await writer.stop();
    expect(patches()).toEqual([{ failures: 1 }, { failures: 2 }]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not wait for an API server that is silent when it is stopped', async () => {
    server.intercept = () => true;
    writer.write('a/one', { failures: 1 });
    await eventually(() => server.requests.length === 1);
    let stopped = false;
    const stopping = writer.stop().then(() => {
      stopped = true;
    });
    await eventually(() => stopped, { eachTurn: () => clock.advance(1000) });
    await stopping;
  });
});
