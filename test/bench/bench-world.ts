/** The real parts of one cell: API server with the Webhooks in it, NATS, and the operator as a process of its own. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';
import { systemClock } from '../../src/clock.ts';
import { WEBHOOKS, WEBHOOK_CLASSES, NAMESPACES } from '../../src/control/resource-types.ts';
import { createKubeClient, type KubeClient } from '../../src/kubernetes/client.ts';
import { kubeconfigCredentials } from '../../src/kubernetes/credentials.ts';
import type { KubeObject, ResourceType } from '../../src/kubernetes/kube-object.ts';
import { Reflector } from '../../src/kubernetes/reflector.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { TestClusterError } from '../cluster/errors.ts';
import { startNats, type NatsServer } from '../cluster/nats.ts';
import { startOperator, type OperatorProcess } from '../operator/operator-process.ts';
import { namespacesOf, webhooksOf, type Cell } from './cells.ts';

const root = new URL('../../', import.meta.url);
const className = 'bench';
const secretName = 'signing';
/** Both sides sign with it. */
export const signingSecret = 'a benchmark key of thirty-two by';
/** Objects applied at the same time. */
const parallelApplies = 16;
const activeTimeoutMs = 600_000;

const SECRETS: ResourceType = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true };

export interface BenchWorld {
  readonly plane: ControlPlane;
  readonly nats: NatsServer;
  readonly operator: OperatorProcess;
  /** From the first apply. */
  readonly appliedMs: number;
  /** From the first apply until the last Webhook was Active in the API server. */
  readonly activeMs: number;
  stop(): Promise<void>;
}

export interface BenchWorldOptions {
  readonly cell: Cell;
  readonly concurrency: number;
  readonly receiverUrl: string;
  readonly entryPoint: string;
  readonly env: Readonly<Record<string, string>>;
  readonly progress: (state: string) => void;
}

/** Starts everything and waits until all Webhooks are Active. */
export async function startBenchWorld(options: BenchWorldOptions): Promise<BenchWorld> {
  const [plane, nats] = await Promise.all([startControlPlane(), startNats()]);
  for (const plural of ['webhooks', 'webhookclasses']) {
    await plane.apply(readFileSync(new URL(`crds/webhook-operator.dev_${plural}.yaml`, root), 'utf8'));
  }
  await plane.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=20s');
  const credentials = await kubeconfigCredentials({
    path: plane.kubeconfig,
    monotonic: () => systemClock.monotonic(),
  });
  const client = createKubeClient({ credentials, clock: systemClock, userAgent: 'bench' });
  await applyAll(client, WEBHOOK_CLASSES, [benchClass(options.concurrency)]);
  const operator = await startOperator({
    kubeconfig: plane.kubeconfig,
    natsUrl: nats.url,
    entryPoint: options.entryPoint,
    env: options.env,
  });
  await operator.waitForLog('Started');
  await untilSlotsOwned(operator);
  const times = await activate(client, options);
  client.close();
  return {
    plane,
    nats,
    operator,
    ...times,
    stop: async () => {
      await operator.stop();
      await nats.stop();
      await plane.stop();
    },
  };
}

/** A new install takes its slots over first: that is not part of what Webhooks wait for. */
async function untilSlotsOwned(operator: OperatorProcess): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!/^webhook_operator_slots_owned 16$/m.test(await operator.metrics())) {
    if (performance.now() > deadline) throw new TestClusterError('the operator did not take its slots');
    await delay(200);
  }
}

async function activate(
  client: KubeClient,
  { cell, receiverUrl, progress }: BenchWorldOptions,
): Promise<Pick<BenchWorld, 'appliedMs' | 'activeMs'>> {
  await applyAll(client, NAMESPACES, namespacesOf(cell).map(namespaceObject));
  await applyAll(client, SECRETS, namespacesOf(cell).map(secretObject));
  const watch = new Reflector<WebhookObject>({ client, type: WEBHOOKS, clock: systemClock });
  watch.start();
  await watch.waitForSync();
  const startedAt = performance.now();
  const objects = webhooksOf(cell).map(({ namespace, name, type }) => ({
    apiVersion: 'webhook-operator.dev/v1alpha1',
    kind: 'Webhook',
    metadata: { namespace, name },
    spec: {
      url: `${receiverUrl}/${namespace}/${name}`,
      className,
      events: [type],
      signing: { keys: [{ secretKeyRef: { name: secretName, key: 'current' } }] },
    },
  }));
  await applyAll(client, WEBHOOKS, objects);
  const appliedMs = performance.now() - startedAt;
  for (;;) {
    const active = watch.list().filter(isActive).length;
    const activeMs = performance.now() - startedAt;
    if (active === cell.webhooks) {
      await watch.stop();
      return { appliedMs, activeMs };
    }
    if (activeMs > activeTimeoutMs)
      throw new TestClusterError(`only ${active} of ${cell.webhooks} Webhooks are Active`);
    progress(`${active} of ${cell.webhooks} Webhooks are Active`);
    await delay(100);
  }
}

interface WebhookObject extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

function isActive({ status }: WebhookObject): boolean {
  return status?.conditions?.some((condition) => condition.type === 'Active' && condition.status === 'True') === true;
}

/** Server-side apply, a few objects at a time: what a user's tool does. */
async function applyAll(client: KubeClient, type: ResourceType, objects: readonly object[]): Promise<void> {
  const left = objects.values();
  const worker = async (): Promise<void> => {
    for (const object of left) {
      const { metadata } = object as KubeObject;
      await client.patch(type, metadata, object, { type: 'apply', fieldManager: 'bench' });
    }
  };
  await Promise.all(Array.from({ length: parallelApplies }, worker));
}

/** The default class, with http and loopback allowed. */
function benchClass(concurrency: number): object {
  const text = readFileSync(new URL('examples/classes/standard.yaml', root), 'utf8');
  const standard = parse(text) as {
    readonly spec: { readonly admission: object; readonly delivery: object; readonly signing: object };
  };
  return {
    apiVersion: 'webhook-operator.dev/v1alpha1',
    kind: 'WebhookClass',
    metadata: { name: className },
    spec: {
      ...standard.spec,
      admission: { ...standard.spec.admission, requireHTTPS: false },
      delivery: { ...standard.spec.delivery, concurrency },
      network: { allowedCIDRs: ['127.0.0.0/8'] },
    },
  };
}

function namespaceObject(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

function secretObject(namespace: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name: secretName, labels: { 'webhook-operator.dev/usable': 'true' } },
    stringData: { current: signingSecret },
  };
}
