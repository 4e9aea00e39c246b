import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Condition, ConditionType } from '../../src/api/conditions.ts';
import type { WebhookStatus } from '../../src/api/webhook-status.ts';
import type { NatsBroker } from '../../src/jetstream/nats-broker.ts';
import { defaultStreamNames, stateStream } from '../../src/jetstream/subjects.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { TestClusterError } from '../cluster/errors.ts';
import { startNats, type NatsServer } from '../cluster/nats.ts';
import { brokerOn, connect } from '../jetstream/fixture.ts';
import { startReceiver, type Receiver } from '../receivers/receiver.ts';
import { startOperator, type OperatorProcess, type OperatorProcessOptions } from './operator-process.ts';

const root = new URL('../../', import.meta.url);

/** Retries within a fraction of a second, disables after six failures in a row, allows loopback. */
export const quickClass = {
  apiVersion: 'webhook-operator.dev/v1alpha1',
  kind: 'WebhookClass',
  metadata: { name: 'quick' },
  spec: {
    admission: { requireHTTPS: false },
    delivery: {
      timeouts: { connect: '1s', total: '2s' },
      retry: { schedule: ['200ms', '300ms'], jitterPercent: 0 },
      disable: { failingAfter: 2, warnAfter: 4, afterConsecutiveFailures: 6, minFailingDuration: '0s' },
    },
    network: { allowedCIDRs: ['127.0.0.0/8'] },
  },
} as const;

export interface WebhookObject {
  readonly metadata: { readonly uid: string; readonly generation: number };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: WebhookStatus;
}

/** Real parts of its own: API server with our CRDs and {@link quickClass}, NATS, a receiver; operators as they are started. */
export interface World {
  readonly plane: ControlPlane;
  readonly nats: NatsServer;
  readonly receiver: Receiver;
  /** To publish, and to look into the streams. */
  readonly broker: NatsBroker;
  startOperator(options?: Partial<OperatorProcessOptions>): Promise<OperatorProcess>;
  /** Applies a Webhook of the class `quick` in `namespace`, which is made when it is not there. */
  applyWebhook(namespace: string, name: string, spec: Readonly<Record<string, unknown>>): Promise<void>;
  webhook(namespace: string, name: string): Promise<WebhookObject>;
  /** Resolves with the Webhook once `check` is true of it; rejects with its last state after `timeoutMs` (20 s). */
  untilWebhook(
    namespace: string,
    name: string,
    check: (webhook: WebhookObject) => boolean,
    timeoutMs?: number,
  ): Promise<WebhookObject>;
  /** Publishes `{"id": <id>}` with that event id. */
  publish(namespace: string, type: string, id: string): Promise<void>;
  /** What the streams hold of a uid: messages by stream, only those with any. */
  stored(uid: string): Promise<Record<string, number>>;
  stop(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const [plane, nats, receiver] = await Promise.all([startControlPlane(), startNats(), startReceiver()]);
  for (const plural of ['webhooks', 'webhookclasses']) {
    await plane.apply(readFileSync(new URL(`crds/webhook-operator.dev_${plural}.yaml`, root), 'utf8'));
  }
  await plane.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=20s');
  await plane.apply(JSON.stringify(quickClass));
  const link = await connect(nats);
  const broker = brokerOn(link);
  const operators: OperatorProcess[] = [];
  const path = (namespace: string, name: string): string =>
    `/apis/webhook-operator.dev/v1alpha1/namespaces/${namespace}/webhooks/${name}`;

  const webhook = async (namespace: string, name: string): Promise<WebhookObject> => {
    const { status, body } = await plane.request('GET', path(namespace, name));
    if (status !== 200) throw new TestClusterError(`no Webhook ${namespace}/${name}: ${body}`);
    return JSON.parse(body) as WebhookObject;
  };
  return {
    plane,
    nats,
    receiver,
    broker,
    webhook,
    startOperator: async (options = {}) => {
      const operator = await startOperator({ kubeconfig: plane.kubeconfig, natsUrl: nats.url, ...options });
      operators.push(operator);
      return operator;
    },
    applyWebhook: async (namespace, name, spec) => {
      await plane.apply(
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'List',
          items: [
            { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
            {
              apiVersion: 'webhook-operator.dev/v1alpha1',
              kind: 'Webhook',
              metadata: { namespace, name },
              spec: { className: 'quick', ...spec },
            },
          ],
        }),
      );
    },
    untilWebhook: async (namespace, name, check, timeoutMs = 20_000) => {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const found = await webhook(namespace, name);
        if (check(found)) return found;
        if (performance.now() > deadline) {
          const logs = operators.map((operator) =>
            operator
              .logs()
              .slice(-20)
              .map((line) => JSON.stringify(line)),
          );
          throw new TestClusterError(
            `Webhook ${namespace}/${name} did not get there; it is ${JSON.stringify(found.status, undefined, 1)}\n${logs.flat().join('\n')}`,
          );
        }
        await delay(50);
      }
    },
    publish: async (namespace, type, id) => {
      await broker.publish(`events.${namespace}.${type}`, Buffer.from(JSON.stringify({ id })), { messageID: id });
    },
    stored: async (uid) => {
      const { retries, backlog, deadLetters } = defaultStreamNames;
      const found: Record<string, number> = {};
      for (const stream of [retries, backlog, deadLetters, stateStream(defaultStreamNames)]) {
        const { subjects = {} } = await broker.streamState(stream, '>');
        for (const [subject, count] of Object.entries(subjects)) {
          if (subject.split('.').includes(uid)) found[stream] = (found[stream] ?? 0) + count;
        }
      }
      return found;
    },
    stop: async () => {
      await Promise.all(operators.map((operator) => operator.kill()));
      broker.close();
      await link.close();
      await receiver.close();
      await nats.stop();
      await plane.stop();
    },
  };
}

/** The condition of a type, for `toMatchObject` and for waiting. */
export function condition(webhook: Pick<WebhookObject, 'status'>, type: ConditionType): Condition | undefined {
  return webhook.status?.conditions?.find((each) => each.type === type);
}

/** A check for {@link World.untilWebhook}: the condition has this status, and this reason if one is given. */
export function has(type: ConditionType, status: Condition['status'], reason?: string) {
  return (webhook: WebhookObject): boolean => {
    const found = condition(webhook, type);
    return (
      found?.status === status &&
      (reason === undefined || found.reason === reason) &&
      webhook.status?.observedGeneration === webhook.metadata.generation
    );
  };
}
