import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubeClient, type KubeClient } from './client.ts';
import { staticCredentials, type CredentialSource } from './credentials.ts';
import type { KubeObject, ResourceType } from './kube-object.ts';
import { Reflector } from './reflector.ts';
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

type Thing = KubeObject & { readonly spec: unknown };

let server: FakeApiServer;
let clock: ManualClock;
let client: KubeClient;
let reflector: Reflector<Thing>;
let changes: string[];
let restarts: string[];

function build(credentials: CredentialSource): void {
  client = createKubeClient({ credentials, clock });
  reflector = new Reflector<Thing>({
    client,
    type: THINGS,
    clock,
    random: () => 0.5,
    observer: { watchRestarted: (_kind, reason) => restarts.push(reason), unknownEvent: () => {} },
  });
  reflector.onChange((key, old, current) => {
    changes.push(`${old === undefined ? '+' : current === undefined ? '-' : '~'}${key.slice(2)}`);
  });
}

async function synced(): Promise<void> {
  reflector.start();
  await reflector.waitForSync();
  await watches(1);
}

function put(name: string, spec: unknown = {}): KubeObject {
  return server.store.put(`${PATH}/${name}`, fakeObject('a', name, spec));
}

/** Waits until `count` watches were asked for in all; backoffs pass meanwhile. */
async function watches(count: number): Promise<void> {
  await eventually(() => server.countOf('WATCH') >= count && server.watches.length > 0, {
    eachTurn: () => clock.advance(50),
    what: `${count} watches`,
  });
}

async function seen(...expected: readonly string[]): Promise<void> {
  await eventually(() => changes.length >= expected.length, {
    what: expected.join(),
    eachTurn: () => clock.advance(50),
  });
  expect(changes).toEqual(expected);
}

beforeEach(async () => {
  server = await FakeApiServer.start();
  clock = new ManualClock();
  changes = [];
  restarts = [];
  build(server.credentials);
});

afterEach(async () => {
  await reflector.stop();
  client.close();
  await server.stop();
});

describe('A reflector survives', () => {
  it('a socket that is cut in the middle of a line: nothing of the half line is used, the watch goes on from its position', async () => {
    await synced();
    put('one');
    await seen('+one');
    const version = String(server.store.version);
    await server.lastWatch.write('{"type":"DELETED","object":{"metadata":{"name":"one","namespace":"a","uid":"uid-1"');
    server.lastWatch.end();
    await watches(2);
    expect(server.lastWatch.request.query.get('resourceVersion')).toBe(version);
    expect(changes).toEqual(['+one']);
    expect(server.countOf('LIST')).toBe(1);
  });

  it('a connection reset: what happened meanwhile comes through the next watch, without a LIST', async () => {
    await synced();
    server.lastWatch.reset();
    put('one');
    await seen('+one');
    expect(restarts).toEqual(['connection']);
    expect(server.countOf('LIST')).toBe(1);
  });

  it('a half-open connection that accepts and never sends: the silence is noticed after three minutes', async () => {
    await synced();
    server.muted = true;
    put('one');
    clock.advance(179_999);
    expect(restarts).toEqual([]);
    server.muted = false;
    clock.advance(1);
    await seen('+one');
    expect(restarts).toEqual(['inactive']);
  });

  it('a server that accepts the connection and never answers the request', async () => {
    const silent = await silentServer();
    build(staticCredentials({ server: `http://127.0.0.1:${silent.port}`, headers: {}, tls: {} }));
    reflector.start();
    await eventually(() => silent.sockets.size === 1);
    await eventually(() => restarts.length === 1, { eachTurn: () => clock.advance(1000) });
    expect(restarts).toEqual(['connection']);
    expect(reflector.hasSynced()).toBe(false);
    await silent.stop();
  });

  it('a watch that stays open long after the time it asked for', async () => {
    await synced();
    for (let minute = 0; minute < 8; minute += 1) {
      await server.lastWatch.event('BOOKMARK', { metadata: { resourceVersion: String(200 + minute) } });
      await eventually(() => reflector.lastEventAgeSeconds() === 0);
      clock.advance(60_000);
    }
    await watches(2);
    expect(restarts).toEqual(['overdue']);
  });

  it('410 inside the stream: it lists anew', async () => {
    put('one');
    await synced();
    server.muted = true;
    server.store.remove(`${PATH}/one`);
    await server.lastWatch.event('ERROR', statusObject(410, 'Expired', 'too old resource version'));
    await seen('+one', '-one');
    expect(restarts).toEqual(['expired']);
    expect(server.countOf('LIST')).toBe(2);
  });

  it('410 as the answer to the watch: it lists anew', async () => {
    put('one');
    await synced();
    server.muted = true;
    server.store.remove(`${PATH}/one`);
    server.store.compact();
    server.lastWatch.reset();
    await seen('+one', '-one');
    expect(restarts).toEqual(['connection', 'expired']);
    server.muted = false;
    await watches(3);
    put('two');
    await seen('+one', '-one', '+two');
  });

  it('410 in the middle of a paged LIST: it starts over and shows no half list', async () => {
    for (let index = 0; index < 600; index += 1) put(`thing-${index}`);
    let expired = 0;
    server.intercept = (request, response) => {
      if (!request.query.has('continue') || expired > 0) return false;
      expired += 1;
      answer(response, { status: 410, body: statusObject(410, 'Expired', 'the continue parameter is too old') });
      return true;
    };
    reflector.start();
    await eventually(() => restarts.length === 1);
    expect(reflector.size).toBe(0);
    await eventually(() => reflector.size === 600, { eachTurn: () => clock.advance(100) });
    expect(changes).toHaveLength(600);
  });

  it('429: it waits as long as the server asks, then watches from its position', async () => {
    await synced();
    server.intercept = (request, response) => {
      if (!request.isWatch) return false;
      const body = statusObject(429, 'TooManyRequests', 'slow down');
      answer(response, { status: 429, body }, { 'retry-after': '7' });
      return true;
    };
    clock.advance(10_000);
    server.lastWatch.end();
    await eventually(() => restarts.at(-1) === 'throttled' && clock.nextTimerIn !== undefined);
    expect(clock.nextTimerIn).toBe(7000);
    server.intercept = undefined;
    clock.advance(6999);
    expect(server.countOf('WATCH')).toBe(2);
    clock.advance(1);
    await watches(3);
    expect(server.countOf('LIST')).toBe(1);
  });

  it('chunks so small that they end inside of UTF-8 characters', async () => {
    await synced();
    const object = {
      metadata: { namespace: 'a', name: 'one', uid: 'u', resourceVersion: '200' },
      spec: { text: 'Grüße aus 東京 👩‍🚀' },
    };
    for (const byte of Buffer.from(`${JSON.stringify({ type: 'ADDED', object })}\n`)) {
      await server.lastWatch.write(Uint8Array.of(byte));
    }
    await seen('+one');
    expect(reflector.get('a/one')?.spec).toEqual({ text: 'Grüße aus 東京 👩‍🚀' });
  });

  it('a deletion while no watch was open: the LIST shows that the object is gone', async () => {
    put('one');
    put('two');
    await synced();
    server.muted = true;
    server.store.remove(`${PATH}/one`);
    await reflector.relist();
    expect(changes).toEqual(['+one', '+two', '-one']);
  });

  it('a deletion and a new object of the same name while no watch was open: both are reported', async () => {
    put('one');
    await synced();
    server.muted = true;
    server.store.remove(`${PATH}/one`);
    put('one', { second: true });
    await reflector.relist();
    expect(changes).toEqual(['+one', '-one', '+one']);
  });

  it('an ADDED event for an object that it has: the same version is nothing, a newer one a change', async () => {
    const one = put('one');
    await synced();
    await server.lastWatch.event('ADDED', one);
    await server.lastWatch.event('ADDED', { ...one, metadata: { ...one.metadata, resourceVersion: '999' } });
    await seen('+one', '~one');
  });

  it('a LIST of 10 000 objects after a gap, with one change for each difference', async () => {
    for (let index = 0; index < 10_000; index += 1) put(`thing-${index}`);
    await synced();
    expect(reflector.size).toBe(10_000);
    expect(server.countOf('LIST')).toBe(20);
    changes.length = 0;
    server.muted = true;
    for (let index = 0; index < 100; index += 1) server.store.remove(`${PATH}/thing-${index}`);
    put('thing-9999', { changed: true });
    put('another');
    server.store.compact();
    server.lastWatch.reset();
    await eventually(() => changes.length >= 102, { eachTurn: () => clock.advance(50) });
    expect(changes.filter((change) => change.startsWith('-'))).toHaveLength(100);
    expect(changes.filter((change) => !change.startsWith('-')).sort()).toEqual(['+another', '~thing-9999']);
    expect(reflector.size).toBe(9901);
  });

  it('a jump of the wall clock by a day, either way: nothing happens', async () => {
    await synced();
    clock.jumpWallClock(86_400_000);
    put('one');
    await seen('+one');
    clock.jumpWallClock(-2 * 86_400_000);
    put('two');
    await seen('+one', '+two');
    expect(restarts).toEqual([]);
  });

  it('a restart of the API server', async () => {
    put('one');
    await synced();
    await server.stop();
    await eventually(() => restarts.filter((reason) => reason === 'connection').length >= 3, {
      eachTurn: () => clock.advance(500),
    });
    expect(reflector.size).toBe(1);
    put('two');
    await server.listen();
    await eventually(() => reflector.size === 2, { eachTurn: () => clock.advance(500) });
    expect(changes).toEqual(['+one', '+two']);
    expect(server.countOf('LIST')).toBe(1);
  });

  it('an expired token: it is read again, and the watch goes on without a LIST', async () => {
    let token = 'old';
    let file = 'old';
    await reflector.stop();
    build({
      namespace: undefined,
      current: () => Promise.resolve({ server: server.url, headers: { authorization: `Bearer ${token}` }, tls: {} }),
      invalidate: () => {
        token = file;
      },
    });
    await synced();
    server.intercept = (request, response) => {
      if (request.headers.authorization === 'Bearer new') return false;
      answer(response, { status: 401, body: statusObject(401, 'Unauthorized', 'token expired') });
      return true;
    };
    file = 'new';
    server.lastWatch.end();
    put('one');
    await seen('+one');
    expect(server.lastWatch.request.headers.authorization).toBe('Bearer new');
    expect(server.countOf('LIST')).toBe(1);
  });

  it('a token that stays refused: it goes on trying until one is accepted', async () => {
    let refuse = true;
    server.intercept = (_request, response) => {
      if (refuse) answer(response, { status: 401, body: statusObject(401, 'Unauthorized', 'no') });
      return refuse;
    };
    reflector.start();
    await eventually(() => restarts.length > 3, { eachTurn: () => clock.advance(1000) });
    expect(new Set(restarts)).toEqual(new Set(['unauthorized']));
    refuse = false;
    await eventually(() => reflector.hasSynced(), { eachTurn: () => clock.advance(1000) });
  });

  it('a server that was restored from an older backup: it lists anew', async () => {
    put('one');
    put('two');
    await synced();
    server.intercept = (request, response) => {
      if (!request.isWatch || server.countOf('LIST') > 1) return false;
      answer(response, { status: 504, body: statusObject(504, 'Timeout', 'Too large resource version') });
      return true;
    };
    server.muted = true;
    server.store.remove(`${PATH}/two`);
    server.lastWatch.end();
    await seen('+one', '+two', '-two');
  });
});

interface SilentServer {
  readonly port: number;
  readonly sockets: Set<Socket>;
  stop(): Promise<void>;
}

/** Accepts TCP connections and says nothing. */
async function silentServer(): Promise<SilentServer> {
  const sockets = new Set<Socket>();
  const listener: Server = createServer((socket) => {
    socket.on('error', () => {});
    sockets.add(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    sockets,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      const closed = once(listener, 'close');
      listener.close();
      await closed;
    },
  };
}
