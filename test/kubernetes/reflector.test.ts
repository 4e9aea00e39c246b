/** The reflector against a real API server that is cut off, restarted and paused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { KubeClient } from '../../src/kubernetes/client.ts';
import { deepEqual } from '../../src/kubernetes/deep-equal.ts';
import { keyOf } from '../../src/kubernetes/kube-object.ts';
import { Membership } from '../../src/kubernetes/membership.ts';
import { Reflector, type ReflectorOptions } from '../../src/kubernetes/reflector.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import {
  clientFrom,
  clientThrough,
  CONFIG_MAPS,
  createNamespace,
  startProxy,
  until,
  type ConfigMap,
  type CuttableProxy,
} from './support.ts';

let cluster: ControlPlane;
let proxy: CuttableProxy;
let direct: KubeClient;
let cuttable: KubeClient;

beforeAll(async () => {
  cluster = await startControlPlane();
  proxy = await startProxy(cluster.apiServer.port);
  direct = await clientFrom(cluster.kubeconfig);
  cuttable = await clientThrough(proxy, cluster.kubeconfig);
});

afterAll(async () => {
  direct?.close();
  cuttable?.close();
  await proxy?.stop();
  await cluster?.stop();
});

function configMap(namespace: string, name: string, value: string): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data: { value } };
}

/** A reflector and a mirror that is built from nothing but its change handlers. */
function observed(options: Partial<ReflectorOptions<ConfigMap>> = {}) {
  const restarts = new Map<string, number>();
  const reflector = new Reflector<ConfigMap>({
    client: cuttable,
    type: CONFIG_MAPS,
    clock: systemClock,
    observer: {
      watchRestarted: (_kind, reason) => restarts.set(reason, (restarts.get(reason) ?? 0) + 1),
      unknownEvent: (_kind, type) => restarts.set(type, 1),
    },
    ...options,
  });
  const mirror = new Map<string, ConfigMap>();
  const wrong: string[] = [];
  reflector.onChange((key, old, current) => {
    if (mirror.get(key) !== old) wrong.push(`${key}: the old object is not the one reported before`);
    if (old !== undefined && current !== undefined && old.metadata.uid !== current.metadata.uid) {
      wrong.push(`${key}: two objects in one change`);
    }
    if (current === undefined) mirror.delete(key);
    else mirror.set(key, current);
  });
  return { reflector, restarts, mirror, wrong };
}

async function differences(reflector: Reflector<ConfigMap>, namespace?: string): Promise<string[]> {
  const { items } = await direct.list<ConfigMap>(CONFIG_MAPS, { namespace });
  const live = new Map(items.map((item) => [keyOf(item.metadata), withoutManagedFields(item)]));
  const cached = new Map(reflector.list().map((item) => [keyOf(item.metadata), item]));
  return [...new Set([...live.keys(), ...cached.keys()])].filter((key) => !deepEqual(live.get(key), cached.get(key)));
}

function withoutManagedFields(item: ConfigMap): ConfigMap {
  const { managedFields: _, ...metadata } = item.metadata as ConfigMap['metadata'] & { managedFields?: unknown };
  return { ...item, metadata };
}

/** Small and seeded, so that a failure can be repeated. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Creates, updates and deletes at random with some operations in flight, and says how many the server accepted. */
async function churn(namespace: string, operations: number, seed: number): Promise<number> {
  const random = randomFrom(seed);
  let accepted = 0;
  let left = operations;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const name = `thing-${Math.floor(random() * 120)}`;
      const dice = random();
      const value = 'ü'.repeat(Math.floor(random() * 200));
      try {
        if (dice < 0.45) await direct.create(CONFIG_MAPS, configMap(namespace, name, value));
        else if (dice < 0.75) {
          await direct.patch(CONFIG_MAPS, { namespace, name }, { data: { value } }, { type: 'merge' });
        } else await direct.delete(CONFIG_MAPS, { namespace, name });
        accepted += 1;
      } catch {
        // Exists already, or does not exist: the churner does not look first.
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return accepted;
}

describe('A reflector on a real API server', () => {
  it('equals a LIST after 6000 random changes with the watch cut again and again', { timeout: 240_000 }, async () => {
    const namespace = await createNamespace(direct, 'churn');
    const { reflector, restarts, mirror, wrong } = observed();
    reflector.start();
    await reflector.waitForSync();
    const random = randomFrom(7);
    const cutting = setInterval(() => {
      if (random() < 0.5) proxy.cut();
      if (random() < 0.1) void reflector.relist();
    }, 300);
    const accepted = await churn(namespace, 6000, 42).finally(() => clearInterval(cutting));
    await until(async () => (await differences(reflector)).length === 0, 60_000);
    expect(accepted).toBeGreaterThan(1500);
    expect(restarts.get('connection') ?? 0).toBeGreaterThan(3);
    expect([...mirror.keys()].sort()).toEqual(
      reflector
        .list()
        .map((item) => keyOf(item.metadata))
        .sort(),
    );
    expect(wrong).toEqual([]);
    await reflector.stop();
  });

  it('goes on through a restart of the API server, with its cache at hand meanwhile', async () => {
    const namespace = await createNamespace(direct, 'restart');
    await direct.create(CONFIG_MAPS, configMap(namespace, 'one', '1'));
    const { reflector, wrong } = observed({ namespaces: [namespace] });
    reflector.start();
    await reflector.waitForSync();
    await cluster.apiServer.kill();
    expect(reflector.get(`${namespace}/one`)?.data).toEqual({ value: '1' });
    let relisted = false;
    const relisting = reflector.relist().then(() => {
      relisted = true;
    });
    await new Promise((resolve) => {
      setTimeout(resolve, 1000);
    });
    expect(relisted).toBe(false);
    await cluster.apiServer.start();
    await direct.create(CONFIG_MAPS, configMap(namespace, 'two', '2'));
    await relisting;
    await until(() => reflector.get(`${namespace}/two`) !== undefined);
    expect(await differences(reflector, namespace)).toEqual([]);
    expect(wrong).toEqual([]);
    await reflector.stop();
  });

  it('lists anew when a restarted API server no longer has the history that it needs', async () => {
    const namespace = await createNamespace(direct, 'expired');
    await direct.create(CONFIG_MAPS, configMap(namespace, 'one', '1'));
    const { reflector, restarts, wrong } = observed({ namespaces: [namespace] });
    reflector.start();
    await reflector.waitForSync();
    // Other kinds move the version on, which a watch of this kind is not told.
    for (const name of ['x', 'y', 'z']) await createNamespace(direct, name);
    await cluster.apiServer.restart();
    await direct.delete(CONFIG_MAPS, { namespace, name: 'one' });
    await until(async () => (await differences(reflector, namespace)).length === 0);
    expect(restarts.get('expired') ?? 0).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
    await reflector.stop();
  });

  it('sees only its namespaces, a watch for each', async () => {
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((each) => createNamespace(direct, `multi-${each}`)));
    const { reflector } = observed({ namespaces: [a ?? '', b ?? ''] });
    reflector.start();
    await reflector.waitForSync();
    for (const namespace of [a, b, c]) await direct.create(CONFIG_MAPS, configMap(namespace ?? '', 'one', '1'));
    await until(() => reflector.size === 2);
    await direct.delete(CONFIG_MAPS, { namespace: a ?? '', name: 'one' });
    await until(() => reflector.size === 1);
    expect(reflector.get(`${b}/one`)).toBeDefined();
    await reflector.stop();
  });

  it('lists 1200 objects in pages and sees one change for each', { timeout: 120_000 }, async () => {
    const namespace = await createNamespace(direct, 'pages');
    let next = 0;
    const fill = async (): Promise<void> => {
      while (next < 1200) {
        next += 1;
        await direct.create(CONFIG_MAPS, configMap(namespace, `thing-${next}`, ''));
      }
    };
    await Promise.all(Array.from({ length: 8 }, fill));
    const { reflector, mirror, wrong } = observed({ namespaces: [namespace] });
    reflector.start();
    await reflector.waitForSync();
    expect(mirror.size).toBe(1200);
    expect(wrong).toEqual([]);
    await reflector.stop();
  });
});

describe('Members on a real API server', () => {
  it('keep each other while it is paused, and for a while after', { timeout: 120_000 }, async () => {
    const namespace = await createNamespace(direct, 'members');
    const times = { leaseDurationMs: 3000, renewIntervalMs: 500, renewDeadlineMs: 2000, retryIntervalMs: 300 };
    const [a, b] = ['a', 'b'].map(
      (identity) => new Membership({ client: direct, clock: systemClock, namespace, prefix: 'wo', identity, ...times }),
    );
    if (a === undefined || b === undefined) throw new Error('two members');
    a.start();
    b.start();
    await until(() => a.members().length === 2 && b.members().length === 2);
    const changes: unknown[] = [];
    for (const each of [a, b]) each.onChange((members) => changes.push(members));
    cluster.apiServer.pause();
    await until(() => !a.hasLease() && !b.hasLease());
    await new Promise((resolve) => {
      setTimeout(resolve, 4000);
    });
    cluster.apiServer.resume();
    await until(() => a.hasLease() && b.hasLease());
    await new Promise((resolve) => {
      setTimeout(resolve, 4000);
    });
    expect(changes).toEqual([]);
    await Promise.all([a.stop(), b.stop()]);
  });
});
