import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { NatsBroker } from '../../src/jetstream/nats-broker.ts';
import { defaultStreamNames } from '../../src/jetstream/subjects.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { startNats, startNatsCluster, type NatsServer } from '../cluster/nats.ts';
import { brokerOn, connect } from '../jetstream/fixture.ts';
import { startOperator, type OperatorProcess, type OperatorProcessOptions } from '../operator/operator-process.ts';
import type { AuditResult } from './audit.ts';
import { Books } from './books.ts';
import { startProducer, type Producer } from './producer.ts';
import { startRecordingReceiver, type RecordingReceiver } from './recording-receiver.ts';
import { claims, heldDeliveries, unackedRanges, unsettled, type Claim } from './stream-contents.ts';
import { until } from './until.ts';

const partitions = 8;
/** Time for what a killed process has written to its sockets to be read at their other end. */
const socketsDrainMs = 300;
const root = new URL('../../', import.meta.url);

export interface WebhookSpec {
  readonly namespace: string;
  readonly name: string;
  /** Defaults to `item.created`. */
  readonly events?: readonly string[];
  /** What follows `<url>/<namespace>/<name>/`. Defaults to `hook`. */
  readonly endpoint?: string;
  readonly delivery?: Readonly<Record<string, unknown>> & { readonly ordered?: boolean };
  /** More fields of its spec. */
  readonly spec?: object;
}

export interface StatusView {
  /** By type. */
  readonly conditions: Readonly<Record<string, { readonly status: string; readonly reason: string }>>;
  readonly consecutiveFailures?: number;
  readonly pending?: Readonly<Record<string, number>>;
  readonly lastSuccess?: { readonly time: string };
}

/** Takes what has to be done at the end of a test; the last one registered is done first. Vitest's `onTestFinished` is one. */
export type OnEnd = (
  end: (outcome: { readonly task: { readonly result?: { readonly state: string } | undefined } }) => Promise<void>,
) => void;

export interface StandOptions {
  /** Servers of the NATS cluster, and copies of every stream. Defaults to 1: a single server. */
  readonly natsServers?: 1 | 3;
}

interface Parts {
  readonly plane: ControlPlane;
  readonly natsServers: readonly NatsServer[];
  readonly broker: NatsBroker;
  readonly receiver: RecordingReceiver;
}

/**
 * The whole world of a failure test: a control plane, NATS, a receiver and a producer of its own, operators as processes,
 * and the books for the audit. All of it is gone when the test ends.
 */
export class Stand {
  readonly plane: ControlPlane;
  /** The first one, which is the only one unless a cluster was asked for. */
  readonly nats: NatsServer;
  readonly natsServers: readonly NatsServer[];
  readonly broker: NatsBroker;
  readonly receiver: RecordingReceiver;
  readonly books: Books;
  readonly #onEnd: OnEnd;

  private constructor(parts: Parts, onEnd: OnEnd) {
    const [nats] = parts.natsServers;
    if (nats === undefined) throw new Error('There is no NATS server');
    this.plane = parts.plane;
    this.nats = nats;
    this.natsServers = parts.natsServers;
    this.broker = parts.broker;
    this.receiver = parts.receiver;
    this.books = new Books(parts);
    this.#onEnd = onEnd;
  }

  /** @param namespaces also the sources of events */
  static async start(onEnd: OnEnd, namespaces: readonly string[], options: StandOptions = {}): Promise<Stand> {
    const plane = await startControlPlane();
    onEnd(() => plane.stop());
    const natsServers = options.natsServers === 3 ? (await startNatsCluster(3)).servers : [await startNats()];
    onEnd(async () => {
      await Promise.all(natsServers.map((server) => server.stop()));
    });
    const receiver = await startRecordingReceiver();
    onEnd(() => receiver.close());
    const link = await connect({ url: '' }, { name: 'audit', servers: natsServers.map(({ url }) => url) });
    onEnd(() => link.close());
    const broker = brokerOn(link);
    onEnd(async () => broker.close());
    for (const file of ['webhooks', 'webhookclasses']) {
      await plane.apply(readFileSync(new URL(`crds/webhook-operator.dev_${file}.yaml`, root), 'utf8'));
    }
    await plane.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=20s');
    await plane.apply(readFileSync(new URL('class.yaml', import.meta.url), 'utf8'));
    for (const name of namespaces) await plane.kubectl('create', 'namespace', name);
    return new Stand({ plane, natsServers, broker, receiver }, onEnd);
  }

  /** Of all servers, comma-separated. */
  get natsUrl(): string {
    return this.natsServers.map(({ url }) => url).join(',');
  }

  /** @param name of the pod; each replica has its own */
  async startOperator(
    name = 'operator',
    options: Partial<Omit<OperatorProcessOptions, 'name'>> = {},
  ): Promise<OperatorProcess> {
    const operator = await startOperator({
      kubeconfig: this.plane.kubeconfig,
      natsUrl: this.natsUrl,
      name,
      ...options,
      args: [`--partitions=${partitions}`, `--stream-replicas=${this.natsServers.length}`, ...(options.args ?? [])],
    });
    this.#onEnd(async ({ task }) => {
      if (task.result?.state === 'fail' && operator.isRunning()) {
        const lines = operator.logs().map((line) => JSON.stringify({ ...line, errorStack: undefined }));
        console.log(`The last of ${name}'s log:\n${lines.slice(-20).join('\n')}`);
      }
      await operator.kill();
    });
    return operator;
  }

  async startProducer(options: { sources: readonly string[]; types?: readonly string[] }): Promise<Producer> {
    const producer = await startProducer({ natsUrl: this.natsUrl, ...options });
    this.#onEnd(() => producer.stop());
    this.books.producers.push(producer);
    return producer;
  }

  /** Applies Webhooks and waits until they are Active: owed are the events stored from then on. */
  async createWebhooks(specs: readonly WebhookSpec[]): Promise<void> {
    await this.plane.apply(specs.map((spec) => JSON.stringify(this.#manifest(spec))).join('\n---\n'));
    const uids = await this.#uidsOnceActive(specs);
    const owedAfter = (await this.broker.streamState(defaultStreamNames.events)).lastSequence;
    for (const [index, { namespace, name, events = ['item.created'], delivery }] of specs.entries()) {
      const uid = uids[index] ?? '';
      const ordered = delivery?.ordered === true;
      this.books.webhooks.set(`${namespace}/${name}`, { uid, name, source: namespace, events, owedAfter, ordered });
    }
  }

  /** By lists: there may be a thousand. */
  async #uidsOnceActive(specs: readonly WebhookSpec[]): Promise<readonly string[]> {
    const namespaces = [...new Set(specs.map(({ namespace }) => namespace))];
    const uids = new Map<string, string>();
    const areActive = async (): Promise<boolean> => {
      for (const namespace of namespaces) {
        const { items } = await this.#get<{ readonly items: readonly WebhookObject[] }>(namespace);
        for (const { metadata, status } of items) {
          const isActive =
            status?.conditions?.some((each) => each.type === 'Active' && each.status === 'True') === true;
          if (isActive) uids.set(`${namespace}/${metadata.name}`, metadata.uid);
        }
      }
      return specs.every(({ namespace, name }) => uids.has(`${namespace}/${name}`));
    };
    await until(`${specs.length} Webhooks are Active`, areActive, 60_000 + specs.length * 50);
    return specs.map(({ namespace, name }) => uids.get(`${namespace}/${name}`) ?? '');
  }

  /** From now on the Webhook is owed nothing. */
  async deleteWebhook({ namespace, name }: WebhookSpec): Promise<void> {
    this.books.forgive(`${namespace}/${name}`);
    const result = await this.plane.kubectl(
      'delete',
      'wh',
      name,
      '-n',
      namespace,
      '--wait=false',
      '--ignore-not-found',
    );
    if (result.code !== 0) throw new Error(`kubectl delete failed: ${result.stderr}`);
  }

  #manifest(webhook: WebhookSpec): object {
    const { namespace, name, events = ['item.created'], endpoint, delivery, spec } = webhook;
    return {
      apiVersion: 'webhook-operator.dev/v1alpha1',
      kind: 'Webhook',
      metadata: { namespace, name },
      spec: {
        className: 'failure',
        url: this.urlOf(webhook, endpoint),
        events,
        ...(delivery === undefined ? {} : { delivery }),
        ...spec,
      },
    };
  }

  /** Merges `spec` over the Webhook's. */
  async patch({ namespace, name }: WebhookSpec, spec: object): Promise<void> {
    const patch = JSON.stringify({ spec });
    const result = await this.plane.kubectl('patch', 'wh', name, '-n', namespace, '--type=merge', '--patch', patch);
    if (result.code !== 0) throw new Error(`kubectl patch failed: ${result.stderr}`);
  }

  /** Turns the user's own switch on and off again, which is how a person re-enables a disabled Webhook. */
  async toggle(webhook: WebhookSpec): Promise<void> {
    await this.patch(webhook, { suspend: true });
    await this.waitForCondition(webhook, 'Disabled', 'False');
    await this.patch(webhook, { suspend: false });
    await this.waitForCondition(webhook, 'Active', 'True');
  }

  /** The URL of a Webhook at another of its endpoints. */
  urlOf({ namespace, name }: WebhookSpec, endpoint = 'hook'): string {
    return `${this.receiver.url}/${namespace}/${name}/${endpoint}`;
  }

  async status(webhook: WebhookSpec): Promise<StatusView> {
    const { status } = await this.#webhook(webhook);
    const conditions = status?.conditions ?? [];
    return { ...status, conditions: Object.fromEntries(conditions.map((condition) => [condition.type, condition])) };
  }

  async waitForCondition(webhook: WebhookSpec, type: string, status: string, timeoutMs = 30_000): Promise<void> {
    const what = `${webhook.namespace}/${webhook.name} has ${type}=${status}`;
    await until(what, async () => (await this.status(webhook)).conditions[type]?.status === status, timeoutMs);
  }

  #webhook({ namespace, name }: Pick<WebhookSpec, 'namespace' | 'name'>): Promise<WebhookObject> {
    return this.#get<WebhookObject>(namespace, `/${name}`);
  }

  /** @param rest of the path; without it they are listed */
  async #get<T>(namespace: string, rest = ''): Promise<T> {
    const path = `/apis/webhook-operator.dev/v1alpha1/namespaces/${namespace}/webhooks${rest}`;
    const response = await this.plane.request('GET', path);
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${response.body}`);
    return JSON.parse(response.body) as T;
  }

  /** Waits until every slot has an owner among `operators`, and for 8 s none has changed hands. */
  async waitForOwners(operators: readonly OperatorProcess[], timeoutMs = 60_000): Promise<readonly Claim[]> {
    const members = await Promise.all(operators.map(memberOf));
    let [last, since] = ['', performance.now()];
    let found: readonly Claim[] = [];
    const stable = async (): Promise<boolean> => {
      found = await claims(this.broker);
      const text = JSON.stringify(found);
      if (text !== last) [last, since] = [text, performance.now()];
      const owned = found.filter(({ member }) => members.includes(member)).length === partitions;
      return owned && performance.now() - since >= 8000;
    };
    await until('every slot has found its owner', stable, timeoutMs);
    return found;
  }

  /** Waits for `count` deliveries from now on. */
  async waitForDeliveries(count: number, timeoutMs: number): Promise<void> {
    const { deliveries } = this.receiver;
    const goal = deliveries.length + count;
    await until(`${count} more deliveries`, () => deliveries.length >= goal, timeoutMs);
  }

  /** SIGKILL, and what NATS held of the process's work then. */
  async killOperator(operator: OperatorProcess): Promise<void> {
    const member = await memberOf(operator);
    const owned = new Set(
      (await claims(this.broker)).filter((claim) => claim.member === member).map(({ slot }) => slot),
    );
    const from = Date.now();
    await operator.kill();
    await delay(socketsDrainMs);
    const unacked = (await unackedRanges(this.broker)).filter(({ partition }) => owned.has(partition));
    const held = (await heldDeliveries(this.broker)).filter(({ slot }) => owned.has(slot));
    this.books.faults.push({ name: `SIGKILL of ${member}`, from, until: Date.now(), unacked, held });
  }

  /** Waits until nothing waits any more. Fails with what still does. */
  async settle(timeoutMs: number): Promise<void> {
    let reason: string | undefined;
    const settled = async (): Promise<boolean> => {
      reason = await unsettled(this.broker, this.books.forgiven()).catch(String);
      return reason === undefined;
    };
    await until('everything is settled', settled, timeoutMs).catch(async (error: unknown) => {
      await this.books.audit('Not settled');
      throw new Error(`${String(error)}: ${reason}`);
    });
    // A repeat that is still on its way would come now.
    await delay(1000);
  }

  /** Prints the audit's line. Throws unless what every failure test promises holds: none lost, no repeat without a cause. */
  assertAudit(name: string): Promise<AuditResult> {
    return this.books.assertAudit(name);
  }
}

/** The name in claims and Leases. */
export async function memberOf(operator: OperatorProcess): Promise<string> {
  return String((await operator.waitForLog('Started'))['identity']);
}

interface WebhookObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status?: Omit<StatusView, 'conditions'> & {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
  };
}
