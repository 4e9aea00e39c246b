import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubeClient, type KubeClient } from './client.ts';
import { hasStatus } from './api-error.ts';
import type { KubeObject, ResourceType } from './kube-object.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';
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
let unknown: string[];

function build(options: Partial<ReflectorOptions<Thing>> = {}): void {
  reflector = new Reflector<Thing>({
    client,
    type: THINGS,
    clock,
    random: () => 0.5,
    observer: {
      watchRestarted: (_kind, reason) => restarts.push(reason),
      unknownEvent: (_kind, type) => unknown.push(type),
    },
    ...options,
  });
  reflector.onChange((key, old, current) => {
    const name = key.slice(key.indexOf('/') + 1);
    changes.push(`${old === undefined ? '+' : current === undefined ? '-' : '~'}${name}`);
  });
}

async function synced(): Promise<void> {
  reflector.start();
  await reflector.waitForSync();
  await watching();
}

function put(name: string, spec: unknown = {}): void {
  server.store.put(`${PATH}/${name}`, fakeObject('a', name, spec));
}

/** Waits for an open watch, and lets backoffs pass meanwhile. */
async function watching(): Promise<void> {
  await eventually(() => server.watches.length > 0, { eachTurn: () => clock.advance(100), what: 'a watch is open' });
}

async function seen(...expected: readonly string[]): Promise<void> {
  await eventually(() => changes.length >= expected.length, { eachTurn: () => clock.advance(100) });
  expect(changes).toEqual(expected);
}

beforeEach(async () => {
  server = await FakeApiServer.start();
  clock = new ManualClock();
  client = createKubeClient({ credentials: server.credentials, clock });
  changes = [];
  restarts = [];
  unknown = [];
  build();
});

afterEach(async () => {
  await reflector.stop();
  client.close();
  await server.stop();
});

describe('Reflector', () => {
  it('lists, then follows the watch', async () => {
    put('one');
    expect(reflector.hasSynced()).toBe(false);
    await synced();
    expect(reflector.hasSynced()).toBe(true);
    put('two');
    put('one', { value: 2 });
    server.store.remove(`${PATH}/two`);
    await seen('+one', '+two', '~one', '-two');
    expect(reflector.list().map((thing) => thing.spec)).toEqual([{ value: 2 }]);
    expect(reflector.get('a/one')?.metadata.name).toBe('one');
    expect(reflector.size).toBe(1);
  });

  it('asks for bookmarks and a spread time limit', async () => {
    await synced();
    const { query } = server.lastWatch.request;
    expect(query.get('allowWatchBookmarks')).toBe('true');
    expect(query.get('timeoutSeconds')).toBe('450');
    expect(query.get('resourceVersion')).toBe('100');
  });

  it('drops managed fields and freezes objects', async () => {
    const thing = fakeObject('a', 'one', { list: [] });
    server.store.put(`${PATH}/one`, { ...thing, metadata: { ...thing.metadata, managedFields: [1] } } as KubeObject);
    await synced();
    const held = reflector.get('a/one') as KubeObject & { readonly spec: { readonly list: unknown } };
    expect(held.metadata).not.toHaveProperty('managedFields');
    expect(Object.isFrozen(held.spec.list)).toBe(true);
  });

  it('watches again from its position at once when the server ends a watch that was healthy', async () => {
    await synced();
    put('one');
    await seen('+one');
    clock.advance(60_000);
    const version = String(server.store.version);
    server.lastWatch.end();
    await eventually(() => server.countOf('WATCH') === 2);
    expect(server.lastWatch.request.query.get('resourceVersion')).toBe(version);
    expect(restarts).toEqual(['closed']);
    expect(server.countOf('LIST')).toBe(1);
  });

  it('waits before the next watch when the server ends watches at once', async () => {
    await synced();
    server.lastWatch.end();
    await eventually(() => restarts.length === 1 && clock.nextTimerIn === 400);
    expect(server.countOf('WATCH')).toBe(1);
    clock.advance(400);
    await eventually(() => server.countOf('WATCH') === 2);
  });

  it('continues from a bookmark', async () => {
    await synced();
    await server.lastWatch.event('BOOKMARK', { kind: 'Thing', metadata: { resourceVersion: '4711' } });
    server.lastWatch.end();
    await eventually(() => server.countOf('WATCH') === 2, { eachTurn: () => clock.advance(100) });
    expect(server.lastWatch.request.query.get('resourceVersion')).toBe('4711');
  });

  it('skips and counts event types that it does not know', async () => {
    await synced();
    await server.lastWatch.event('SURPRISE', {});
    put('one');
    await seen('+one');
    expect(unknown).toEqual(['SURPRISE']);
  });

  it('lists anew after a line that is no event', async () => {
    await synced();
    await server.lastWatch.write('<html>\n');
    await eventually(() => server.countOf('LIST') === 2, { eachTurn: () => clock.advance(100) });
    expect(restarts).toEqual(['error']);
  });

  it('merges one watch a namespace behind one interface', async () => {
    build({ namespaces: ['a', 'b', 'a'] });
    put('one');
    server.store.put('/apis/test.example/v1/namespaces/b/things/two', fakeObject('b', 'two'));
    server.store.put('/apis/test.example/v1/namespaces/c/things/three', fakeObject('c', 'three'));
    await synced();
    await eventually(() => server.watches.length === 2);
    expect(
      reflector
        .list()
        .map((thing) => thing.metadata.name)
        .sort(),
    ).toEqual(['one', 'two']);
    server.store.remove(`${PATH}/one`);
    await eventually(() => reflector.size === 1);
    expect(reflector.lastConsistentListStartedAt).toBe(1_000_000);
  });

  it('watches all namespaces when it is given an empty list', async () => {
    build({ namespaces: [] });
    await synced();
    expect(server.lastWatch.request.path).toBe('/apis/test.example/v1/things');
  });

  it('tells handlers by hasSynced what was there before the start', async () => {
    put('one');
    const before: boolean[] = [];
    reflector.onChange(() => before.push(!reflector.hasSynced()));
    await synced();
    put('two');
    await seen('+one', '+two');
    expect(before).toEqual([true, false]);
  });

  it('says how long it has heard nothing', async () => {
    await synced();
    // The watch must stand before time passes, or its own deadline ends it.
    put('live');
    await eventually(() => reflector.get('a/live') !== undefined);
    clock.advance(42_000);
    expect(reflector.lastEventAgeSeconds()).toBeGreaterThanOrEqual(42);
    await server.lastWatch.event('BOOKMARK', { metadata: { resourceVersion: '200' } });
    await eventually(() => reflector.lastEventAgeSeconds() === 0);
  });
});

describe('Reflector.relist', () => {
  it('resolves with a LIST that began after the call and is in the cache', async () => {
    await synced();
    server.muted = true;
    put('one');
    clock.advance(5000);
    const calledAt = clock.monotonic();
    const startedAt = await reflector.relist();
    expect(startedAt).toBe(calledAt);
    expect(reflector.lastConsistentListStartedAt).toBe(calledAt);
    expect(reflector.get('a/one')).toBeDefined();
    expect(restarts).toEqual(['relist']);
  });

  it('does not take a LIST that was already running', async () => {
    await synced();
    const held: (() => void)[] = [];
    server.intercept = (request, response) => {
      if (!request.query.has('limit')) return false;
      held.push(() => answer(response, server.store.handle(request)));
      return true;
    };
    const first = reflector.relist();
    await eventually(() => held.length === 1);
    clock.advance(10);
    let secondDone = false;
    const second = reflector.relist().then((startedAt) => {
      secondDone = true;
      return startedAt;
    });
    held[0]?.();
    const firstStartedAt = await first;
    await eventually(() => held.length === 2);
    expect(secondDone).toBe(false);
    held[1]?.();
    expect(await second).toBe(firstStartedAt + 10);
  });

  it('does not wait for a watch that may not be tried again yet', async () => {
    await synced();
    server.intercept = (request, response) => {
      if (!request.isWatch) return false;
      answer(response, { status: 429, body: statusObject(429, 'TooManyRequests', 'no') }, { 'retry-after': '600' });
      return true;
    };
    server.lastWatch.end();
    await eventually(() => restarts.includes('throttled') && clock.nextTimerIn === 600_000, {
      eachTurn: () => clock.advance(restarts.includes('throttled') ? 0 : 100),
    });
    await reflector.relist();
    expect(server.countOf('LIST')).toBe(2);
  });

  it('stays pending while the API server is away, keeps the cache, and resolves when it is back', async () => {
    put('one');
    await synced();
    await server.stop();
    let done = false;
    const relisted = reflector.relist().then(() => {
      done = true;
    });
    await eventually(() => restarts.filter((reason) => reason === 'connection').length > 2, {
      eachTurn: () => clock.advance(1000),
    });
    expect(done).toBe(false);
    expect(reflector.size).toBe(1);
    await server.listen();
    await eventually(() => done, { eachTurn: () => clock.advance(1000) });
    await relisted;
  });
});

describe('Reflector with a server that refuses', () => {
  it('never gives up, and backs off up to 30 s', async () => {
    let failing = true;
    server.intercept = (_request, response) => {
      if (failing) answer(response, { status: 500, body: statusObject(500, 'InternalError', 'no') });
      return failing;
    };
    reflector.start();
    const delays: number[] = [];
    for (let failures = 1; failures <= 8; failures += 1) {
      await eventually(() => restarts.length === failures && clock.nextTimerIn !== undefined);
      delays.push(Math.round(clock.nextTimerIn ?? 0));
      clock.advance(clock.nextTimerIn ?? 0);
    }
    expect(delays).toEqual([400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000]);
    failing = false;
    await eventually(() => reflector.hasSynced(), { eachTurn: () => clock.advance(1000) });
  });

  it('keeps what it knows when the kind is no longer served', async () => {
    put('one');
    await synced();
    server.intercept = (_request, response) => {
      answer(response, { status: 404, body: statusObject(404, 'NotFound', 'no such kind') });
      return true;
    };
    server.lastWatch.end();
    await eventually(() => restarts.includes('error'), { eachTurn: () => clock.advance(500) });
    expect(reflector.size).toBe(1);
    await expect(client.list(THINGS)).rejects.toSatisfy((error) => hasStatus(error, 404));
  });
});
