import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { startReceiver, type Receiver } from '../receivers/receiver.ts';
import { auditLog, grantsOf } from './audit.ts';
import { buildImage, type Image } from '../build/image.ts';
import { applyAll, install, type Install } from './install.ts';

const audit = auditLog();
let plane: ControlPlane;
let image: Image;
let receiver: Receiver;

beforeAll(async () => {
  [plane, image, receiver] = await Promise.all([
    startControlPlane({ apiServerArgs: audit.apiServerArgs }),
    buildImage(),
    startReceiver(),
  ]);
});
afterAll(async () => {
  await receiver?.close();
  await plane?.stop();
});

/** What kubectl prints of an object. */
async function get(...args: readonly string[]): Promise<string> {
  return (await plane.kubectl('get', ...args)).stdout.trim();
}

const webhook = (namespace: string) => ({
  apiVersion: 'webhook-operator.dev/v1alpha1',
  kind: 'Webhook',
  metadata: { namespace, name: 'crm' },
  spec: {
    url: `${receiver.url}/${namespace}`,
    className: 'in-cluster',
    events: ['item.>'],
    signing: { keys: [{ secretKeyRef: { name: 'crm', key: 'key' } }] },
    delivery: { retry: { schedule: ['200ms'], jitterPercent: 0 } },
  },
});

/** A namespace with a Webhook and the Secret that it signs with. */
async function applyTenant(namespace: string): Promise<void> {
  await applyAll(plane, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name: 'crm', labels: { 'webhook-operator.dev/usable': 'true' } },
      stringData: { key: `whsec_${Buffer.from('a key of thirty-two bytes, or so').toString('base64')}` },
    },
    webhook(namespace),
  ]);
}

const until = (type: string, namespace: string) =>
  plane.kubectl('wait', `--for=condition=${type}`, 'webhook/crm', `--namespace=${namespace}`, '--timeout=30s');

async function publish({ broker }: Install, namespace: string, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await broker.publish(`events.${namespace}.item.created`, Buffer.from(`{"id":"${id}"}`), { messageID: id });
  }
}

/** The event ids that arrived, without repetitions. */
function arrived(namespace: string): string[] {
  const requests = receiver.requests.filter(({ path }) => path === `/${namespace}`);
  return [...new Set(requests.map(({ eventID }) => eventID))];
}

/** From a new Webhook to a failing one, a repaired one, and one that fails again. */
async function doMainJob(installed: Install, namespace: string): Promise<void> {
  await applyTenant(namespace);
  expect(await until('Active', namespace)).toMatchObject({ code: 0 });
  await publish(installed, namespace, 'first');
  await expect.poll(() => arrived(namespace), { timeout: 10_000 }).toEqual(['first']);
  expect(receiver.requests.at(-1)?.headers).toHaveProperty('webhook-signature');

  for (const round of ['a', 'b']) {
    receiver.answerPath(`/${namespace}`, { kind: 'respond', status: 500 });
    await publish(installed, namespace, `${round}-1`, `${round}-2`, `${round}-3`);
    expect(await until('Failing', namespace)).toMatchObject({ code: 0 });
    receiver.answerPath(`/${namespace}`, { kind: 'respond', status: 200 });
    await publish(installed, namespace, `${round}-4`);
    expect(await until('Failing=False', namespace)).toMatchObject({ code: 0 });
  }
  const event = ['events.events.k8s.io', `--namespace=${namespace}`, '--field-selector=reason=DeliveryFailing'];
  await expect
    .poll(() => get(...event, '--output=jsonpath={.items[*].regarding.name} {.items[*].series.count}'), {
      timeout: 10_000,
    })
    .toBe('crm 2');
}

const leases = (namespace: string) =>
  get('leases', `--namespace=${namespace}`, '--output=jsonpath={.items[*].spec.holderIdentity}');
const accountOf = (namespace: string) => ({ namespace, name: 'hooks-webhook-operator' });

/** The requests of a release's operator. */
const requestsOf = (namespace: string) =>
  audit.requestsOf(`system:serviceaccount:${namespace}:${accountOf(namespace).name}`);

/** What a release's ServiceAccount may do, in its own or a tenant's namespace, but has not done. */
async function unusedGrants(namespace: string, tenant: string): Promise<string[]> {
  const granted = [
    ...(await grantsOf(plane, accountOf(namespace), namespace)),
    ...(await grantsOf(plane, accountOf(namespace), tenant)),
  ];
  const used = new Set(requestsOf(namespace).map(({ what }) => what));
  return [...new Set(granted)].filter((what) => !used.has(what)).sort();
}

const grantedButUnused = {
  // A sweep asks for it, ten minutes after the start at the earliest, and only when no Webhook is left.
  sweep: ['list customresourcedefinitions.apiextensions.k8s.io'],
};

describe('an install for the whole cluster, with a token for NATS', () => {
  const namespace = 'hooks-all';
  let installed: Install;
  beforeAll(async () => {
    installed = await install({ plane, image, namespace, natsAuth: 'token' });
  });
  afterAll(() => installed?.remove());

  test('answers the probes of its Deployment and becomes a member', async () => {
    expect(await installed.pod.probe('startupProbe')).toBe(200);
    expect(await installed.pod.probe('livenessProbe')).toBe(200);
    expect(await installed.pod.probe('readinessProbe')).toBe(200);
    await expect.poll(() => leases(namespace), { timeout: 10_000 }).toMatch(new RegExp(`^${installed.pod.name}-\\w+$`));
  });

  test('does the main job', async () => {
    await doMainJob(installed, 'team-a');
    const ready = '--output=jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}';
    await expect.poll(() => get('whc', ready), { timeout: 10_000 }).toBe('True True True');
  });

  test('serves its metrics on the container port', async () => {
    expect(await installed.pod.scrape()).toMatch(/^webhook_operator_\w+\{.*namespace="team-a".*\} \d/m);
  });

  test.runIf(process.platform === 'linux')('looks names up on many threads', () => {
    const tasks = readdirSync(`/proc/${installed.pod.operator.pid}/task`);
    expect(tasks.length).toBeGreaterThan(64);
  });

  test('ends in order on SIGTERM, and takes its Lease along', async () => {
    expect(await installed.pod.terminate()).toEqual({ code: 0, signal: null });
    expect(await leases(namespace)).toBe('');
    expect(installed.pod.operator.logs().filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('was refused nothing by the API server, and used all that it may do', async () => {
    expect(requestsOf(namespace).filter(({ code }) => code === 401 || code === 403)).toEqual([]);
    expect(await unusedGrants(namespace, 'team-a')).toEqual(grantedButUnused.sweep);
  });
});

describe('an install for one namespace, with an nkey and a client certificate for NATS', () => {
  const namespace = 'hooks-one';
  let installed: Install;
  beforeAll(async () => {
    await applyTenant('stranger');
    // Helm puts roles into namespaces that are there.
    await applyAll(plane, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team-b' } }]);
    installed = await install({ plane, image, namespace, natsAuth: 'nkey', values: ['watchNamespaces={team-b}'] });
  });
  afterAll(() => installed?.remove());

  test('does the main job there', async () => {
    await doMainJob(installed, 'team-b');
  });

  test('sees nothing of another namespace', async () => {
    await publish(installed, 'stranger', 'unseen');
    await publish(installed, 'team-b', 'last');
    await expect.poll(() => arrived('team-b'), { timeout: 10_000 }).toContain('last');
    expect(arrived('stranger')).toEqual([]);
    expect(await get('webhook/crm', '--namespace=stranger', '--output=jsonpath={.status}')).toBe('');
    const namespaces = new Set(requestsOf(namespace).map(({ namespace }) => namespace));
    expect(namespaces).toEqual(new Set([undefined, namespace, 'team-b']));
    expect([...(await grantsOf(plane, accountOf(namespace), 'stranger'))].join()).not.toMatch(
      /secrets|events|leases|webhooks\b/,
    );
  });

  test('ends in order, was refused nothing, and used all that it may do', async () => {
    expect(await installed.pod.terminate()).toEqual({ code: 0, signal: null });
    expect(await leases(namespace)).toBe('');
    expect(requestsOf(namespace).filter(({ code }) => code === 401 || code === 403)).toEqual([]);
    expect(await unusedGrants(namespace, 'team-b')).toEqual(grantedButUnused.sweep);
  });
});
