import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiError } from './api-error.ts';
import { createKubeClient, type KubeClient } from './client.ts';
import type { ClusterCredentials, CredentialSource } from './credentials.ts';
import { SECRETS, type KubeObject, type ResourceType } from './kube-object.ts';
import { answer, FakeApiServer, fakeObject, statusObject } from './testing/fake-api-server.ts';
import { eventually, ManualClock } from './testing/manual-clock.ts';

const THINGS: ResourceType = {
  group: 'test.example',
  version: 'v1',
  plural: 'things',
  kind: 'Thing',
  namespaced: true,
};
const PATH = '/apis/test.example/v1/namespaces/a/things';
const REF = { namespace: 'a', name: 'one' };

let server: FakeApiServer;
let clock: ManualClock;
let client: KubeClient;
let observed: string[];
let credentials: ClusterCredentials;
let invalidations: number;

const source: CredentialSource = {
  namespace: 'a',
  current: () => Promise.resolve(credentials),
  invalidate: () => {
    invalidations += 1;
  },
};

beforeEach(async () => {
  server = await FakeApiServer.start();
  clock = new ManualClock();
  observed = [];
  invalidations = 0;
  credentials = { server: server.url, headers: { authorization: 'Bearer one' }, tls: {} };
  client = createKubeClient({
    credentials: source,
    clock,
    observer: { requestFinished: ({ verb, method, code }) => observed.push(`${verb} ${method} ${code}`) },
  });
});

afterEach(async () => {
  client.close();
  await server.stop();
});

/** Answers the next requests with the given ones, then lets the server go on. */
function answerWith(...answers: readonly { status: number; body?: unknown; headers?: Record<string, string> }[]): void {
  const left = [...answers];
  server.intercept = (_request, response) => {
    const next = left.shift();
    if (next === undefined) return false;
    answer(
      response,
      { status: next.status, body: next.body ?? statusObject(next.status, 'Test', 'test') },
      next.headers,
    );
    return true;
  };
}

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error as ApiError,
  );
  if (outcome === undefined) throw new Error('it did not fail');
  return outcome;
}

describe('KubeClient', () => {
  it('creates, reads, patches and deletes', async () => {
    await client.create(THINGS, fakeObject('a', 'one', { value: 1 }));
    expect(await client.get(THINGS, REF)).toMatchObject({ spec: { value: 1 } });
    await client.patch(THINGS, REF, { spec: { value: 2 } }, { type: 'merge' });
    await client.patchStatus(THINGS, REF, { status: {} }, { type: 'apply', fieldManager: 'me', force: true });
    await client.delete(THINGS, REF, { preconditions: { uid: 'uid-1' } });
    expect(server.store.size).toBe(0);

    const [create, , merge, apply, remove] = server.requests;
    expect(create).toMatchObject({ method: 'POST', path: PATH });
    expect(merge?.headers['content-type']).toBe('application/merge-patch+json');
    expect(apply?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(apply?.path).toBe(`${PATH}/one/status`);
    expect(apply?.query.toString()).toBe('fieldManager=me&force=true');
    expect(JSON.parse(remove?.body ?? '')).toMatchObject({ kind: 'DeleteOptions', preconditions: { uid: 'uid-1' } });
    expect(create?.headers).toMatchObject({ authorization: 'Bearer one', 'user-agent': 'webhook-operator' });
    expect(observed).toEqual([
      'POST POST 201',
      'GET GET 200',
      'PATCH PATCH 200',
      'APPLY PATCH 200',
      'DELETE DELETE 200',
    ]);
  });

  it('lists in pages and fills in the kind that built-in lists leave out', async () => {
    for (let index = 0; index < 1001; index += 1) {
      server.store.put(`/api/v1/namespaces/a/secrets/s${index}`, { metadata: { namespace: 'a', name: `s${index}` } });
    }
    const { items, resourceVersion } = await client.list(SECRETS, { labelSelector: undefined });
    expect(items).toHaveLength(1001);
    expect(resourceVersion).toBe(String(server.store.version));
    expect(server.requests.map((request) => request.query.get('continue'))).toEqual([null, '500', '1000']);
    expect(server.requests[0]?.query.has('labelSelector')).toBe(false);
    expect(observed).toEqual(['LIST GET 200', 'LIST GET 200', 'LIST GET 200']);
  });

  it('starts a LIST over when its snapshot expires between pages, but not for ever', async () => {
    for (let index = 0; index < 501; index += 1) server.store.put(`${PATH}/t${index}`, fakeObject('a', `t${index}`));
    let expirations = 0;
    server.intercept = (request, response) => {
      if (!request.query.has('continue') || expirations >= 2) return false;
      expirations += 1;
      answer(response, { status: 410, body: statusObject(410, 'Expired', 'too old') });
      return true;
    };
    expect((await client.list(THINGS)).items).toHaveLength(501);
    expirations = -100;
    expect(await failure(client.list(THINGS))).toMatchObject({ status: 410, reason: 'Expired' });
  });

  it('reads an empty list that Go writes as null', async () => {
    answerWith({ status: 200, body: { kind: 'ThingList', metadata: { resourceVersion: '7' }, items: null } });
    expect(await client.list(THINGS)).toEqual({ items: [], resourceVersion: '7' });
  });

  it('turns a Status into an ApiError', async () => {
    expect(await failure(client.get(THINGS, REF))).toMatchObject({
      name: 'ApiError',
      code: 'WHO_KUBERNETES_API',
      status: 404,
      reason: 'NotFound',
      message: 'NotFound (fake)',
    });
  });

  it('turns what a proxy says into an ApiError, too', async () => {
    server.intercept = (_request, response) => {
      response.writeHead(502).end('<html>bad gateway');
      return true;
    };
    const error = await failure(client.get(THINGS, REF));
    expect(error).toMatchObject({ status: 502, reason: 'InternalError' });
    expect(error.message).toBe('the API server answered 502: <html>bad gateway');
  });

  it('tries a 429 again after the time that Retry-After names', async () => {
    answerWith({ status: 429, headers: { 'retry-after': '3' } });
    server.store.put(`${PATH}/one`, fakeObject('a', 'one'));
    const call = client.get<KubeObject>(THINGS, REF);
    await eventually(() => server.requests.length === 1 && clock.nextTimerIn === 3000);
    clock.advance(2999);
    expect(server.requests).toHaveLength(1);
    clock.advance(1);
    expect((await call).metadata.name).toBe('one');
    expect(observed).toEqual(['GET GET 429', 'GET GET 200']);
  });

  it('gives a 429 back when the wait is long or was repeated too often', async () => {
    answerWith({ status: 429, headers: { 'retry-after': '31' } });
    expect(await failure(client.get(THINGS, REF))).toMatchObject({ status: 429, retryAfterMs: 31_000 });
    answerWith({ status: 429 }, { status: 429 });
    const call = failure(client.get(THINGS, REF, { retries: 1 }));
    await eventually(() => server.requests.length === 3, { eachTurn: () => clock.advance(100) });
    expect(await call).toMatchObject({ status: 429 });
  });

  it('tries a 5xx again only when the server asks for it', async () => {
    answerWith({ status: 503, body: statusObject(503, 'ServiceUnavailable', 'x', { retryAfterSeconds: 1 }) });
    const call = failure(client.get(THINGS, REF));
    await eventually(() => server.requests.length === 2, { eachTurn: () => clock.advance(100) });
    expect(await call).toMatchObject({ status: 404 });
    answerWith({ status: 500 });
    expect(await failure(client.get(THINGS, REF))).toMatchObject({ status: 500 });
    expect(server.requests).toHaveLength(3);
  });

  it('reads the credentials anew after a 401, once', async () => {
    answerWith({ status: 401 }, { status: 401 });
    expect(await failure(client.get(THINGS, REF))).toMatchObject({ status: 401 });
    expect(invalidations).toBe(1);
    expect(server.requests).toHaveLength(2);
  });

  it('limits each call in time, the body included', async () => {
    server.intercept = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"half":');
      return true;
    };
    const call = failure(client.get(THINGS, REF));
    await eventually(() => server.requests.length === 1);
    clock.advance(14_999);
    expect(observed).toEqual([]);
    clock.advance(1);
    const error = await call;
    expect(error).toMatchObject({ status: 0, reason: 'Timeout' });
    expect(error.message).toContain('nothing came within 15000 ms');
    expect(observed).toEqual(['GET GET <error>']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('ends a call when the caller aborts it, also while it waits', async () => {
    const before = AbortSignal.abort();
    expect(await failure(client.get(THINGS, REF, { signal: before }))).toMatchObject({ reason: 'Aborted' });
    answerWith({ status: 429, headers: { 'retry-after': '9' } });
    const abort = new AbortController();
    const call = failure(client.get(THINGS, REF, { signal: abort.signal }));
    await eventually(() => clock.nextTimerIn === 9000);
    abort.abort();
    expect(await call).toMatchObject({ reason: 'Aborted' });
  });

  it('says why there was no answer, and tries a read once more', async () => {
    await server.stop();
    const error = await failure(client.get(THINGS, REF));
    expect(error).toMatchObject({ status: 0, reason: 'ConnectionFailed' });
    expect(error.message).toContain('ECONNREFUSED');
    expect(observed).toEqual(['GET GET <error>', 'GET GET <error>']);
    await failure(client.create(THINGS, fakeObject('a', 'one')));
    expect(observed).toHaveLength(3);
  });

  it('reports credentials that cannot be had as a failed call', async () => {
    const broken = createKubeClient({
      clock,
      credentials: { ...source, current: () => Promise.reject(new Error('no token file')) },
    });
    const error = await failure(broken.get(THINGS, REF));
    expect(error).toMatchObject({ status: 0, reason: 'CredentialsFailed' });
    expect(error.message).toContain('no token file');
  });

  it('uses one connection for many calls, another for watches, and new ones when the CA changes', async () => {
    server.store.put(`${PATH}/one`, fakeObject('a', 'one'));
    for (let index = 0; index < 20; index += 1) await client.get(THINGS, REF);
    // Two, when the second call comes before the first has given its connection back.
    const calls = server.connections;
    expect(calls).toBeLessThanOrEqual(2);
    const abort = new AbortController();
    const watch = { resourceVersion: '100', timeoutSeconds: 300, signal: abort.signal };
    const lines = await client.watch(THINGS, watch);
    expect(server.connections).toBe(calls + 1);
    credentials = { ...credentials, headers: { authorization: 'Bearer two' } };
    await client.get(THINGS, REF);
    expect(server.connections).toBe(calls + 1);
    credentials = { ...credentials, tls: { ca: 'another' } };
    await client.get(THINGS, REF);
    expect(server.connections).toBe(calls + 2);
    const received: string[] = [];
    for await (const line of lines) {
      received.push(line);
      break;
    }
    expect(received).toHaveLength(1);
    abort.abort();
  });

  it('keeps the path prefix of a server behind a gateway', async () => {
    credentials = { ...credentials, server: `${server.url}/k8s/clusters/c-1/` };
    await failure(client.get(THINGS, REF));
    expect(server.requests[0]?.path).toBe(`/k8s/clusters/c-1${PATH}/one`);
  });

  it('fails every call after close, and cuts those that run', async () => {
    server.intercept = () => true;
    const running = failure(client.get(THINGS, REF));
    await eventually(() => server.requests.length === 1);
    client.close();
    expect(await running).toMatchObject({ reason: 'Aborted' });
    expect(await failure(client.get(THINGS, REF))).toMatchObject({ reason: 'Aborted' });
  });
});

describe('KubeClient.watch', () => {
  const options = (signal: AbortSignal) => ({ resourceVersion: '100', timeoutSeconds: 300, signal });

  it('limits the wait for the response head', async () => {
    server.intercept = () => true;
    const call = failure(client.watch(THINGS, options(new AbortController().signal)));
    await eventually(() => server.requests.length === 1);
    clock.advance(30_000);
    expect(await call).toMatchObject({ reason: 'Timeout' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not limit a watch that has begun', async () => {
    const lines = await client.watch(THINGS, options(new AbortController().signal));
    clock.advance(3_600_000);
    server.store.put(`${PATH}/one`, fakeObject('a', 'one'));
    await eventually(() => server.watches.length === 1);
    server.lastWatch.end();
    const received: unknown[] = [];
    for await (const line of lines) received.push(JSON.parse(line));
    expect(received).toMatchObject([{ type: 'ADDED' }]);
  });

  it('ends with an ApiError when it is aborted or cut', async () => {
    const abort = new AbortController();
    const drain = async (lines: AsyncIterable<string>) => {
      for await (const _ of lines);
    };
    const aborted = drain(await client.watch(THINGS, options(abort.signal)));
    abort.abort();
    expect(await failure(aborted)).toMatchObject({ reason: 'Aborted' });
    const cut = drain(await client.watch(THINGS, options(new AbortController().signal)));
    await eventually(() => server.watches.length > 0);
    while (server.watches.length > 0) server.watches.pop()?.reset();
    expect(await failure(cut)).toMatchObject({ reason: 'ConnectionFailed' });
  });
});
