import { randomUUID } from 'node:crypto';
import type { TestContext } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Engine, type EngineOptions } from '../../src/delivery/engine.ts';
import { createHTTPSender } from '../../src/delivery/http-sender.ts';
import type { LaneListener, LaneMetrics } from '../../src/delivery/lane-services.ts';
import { deliverySettings } from '../../src/delivery/settings.fixture.ts';
import type { WebhookConfig } from '../../src/delivery/webhook-config.ts';
import type { Transition } from '../../src/delivery/webhook-state.ts';
import { defaultStreamNames, eventSubject } from '../../src/jetstream/subjects.ts';
import type { NatsBroker } from '../../src/jetstream/nats-broker.ts';
import { silentLogger } from '../../src/logger.ts';
import { createAgentPool } from '../../src/net/agents.ts';
import { brokerOn, connect, startBroker } from '../jetstream/fixture.ts';
import { startReceiver, type Receiver } from '../receivers/receiver.ts';
import type { NatsServer } from '../cluster/nats.ts';

const partitions = 4;

export type TestDelivery = Partial<WebhookConfig['delivery']>;

export interface TestEngine {
  readonly engine: Engine;
  readonly broker: NatsBroker;
  /** Events that left EVENTS before they were read. */
  lostEvents(): number;
  readonly transitions: { readonly uid: string; readonly transition: Transition }[];
  /** Takes every slot over and serves `configs`. */
  start(configs?: readonly WebhookConfig[]): Promise<void>;
  stop(): Promise<void>;
  /** Ends without handing anything over, as a crash would. */
  crash(): Promise<void>;
  verify(config: WebhookConfig): Promise<void>;
}

export type TestEngineOptions = Pick<EngineOptions, 'maxBytes' | 'maxInFlight'>;

export interface EngineFixture {
  readonly server: NatsServer;
  readonly broker: NatsBroker;
  readonly receiver: Receiver;
  newEngine(member?: string, options?: TestEngineOptions): Promise<TestEngine>;
  /** An engine that owns every slot and delivers for `configs`, their URLs verified. */
  serve(...configs: readonly WebhookConfig[]): Promise<TestEngine>;
  config(changes?: Partial<WebhookConfig>, delivery?: TestDelivery): WebhookConfig;
  /** @returns the event's id. */
  publish(type?: string, source?: string, id?: string): Promise<string>;
  /** Messages on the subjects that `filter` matches. */
  count(stream: string, filter: string): Promise<number>;
}

const noMetrics: LaneMetrics = {
  delivered: () => undefined,
  failed: () => undefined,
  skipped: () => undefined,
  lost: () => undefined,
  filterFailed: () => undefined,
  remove: () => undefined,
};

/** A NATS server, a receiver and engines on them; all gone when the test ends. */
export async function startEngineFixture(onEnd: TestContext['onTestFinished']): Promise<EngineFixture> {
  const { server, broker } = await startBroker(onEnd);
  const receiver = await startReceiver();
  onEnd(() => receiver.close());
  return {
    server,
    broker,
    receiver,
    newEngine: (member = randomUUID(), options = {}) => newEngine(server, member, onEnd, options),
    serve: async (...configs) => {
      const engine = await newEngine(server, randomUUID(), onEnd);
      await engine.start(configs);
      for (const config of configs) await engine.verify(config);
      return engine;
    },
    config: (changes = {}, delivery = {}) => testConfig(receiver.url, changes, delivery),
    publish: async (type = 'item.created', source = 'team-a', id = randomUUID()) => {
      await broker.publish(eventSubject(source, type), Buffer.from(JSON.stringify({ id })), { messageID: id });
      return id;
    },
    count: async (stream, filter) => {
      const { subjects = {} } = await broker.streamState(stream, filter);
      return Object.values(subjects).reduce((sum, count) => sum + count, 0);
    },
  };
}

function testConfig(url: string, changes: Partial<WebhookConfig>, delivery: TestDelivery): WebhookConfig {
  return {
    uid: randomUUID(),
    namespace: 'team-a',
    name: 'test',
    generation: 1,
    source: 'team-a',
    patterns: ['item.>'],
    delivery: deliverySettings({
      timeouts: { connectMs: 1000, totalMs: 4000 },
      retry: { scheduleMs: [300, 300, 300], jitterPercent: 0, retryAfterMaxMs: 3_600_000 },
      ...delivery,
    }),
    exempt: false,
    suspend: false,
    verification: 'None',
    target: targetOf(url),
    ...changes,
  };
}

export function targetOf(url: string): NonNullable<WebhookConfig['target']> {
  return {
    url,
    urlHash: `sha256:${url}`,
    headers: [],
    signingKeys: [],
    signingScheme: 'None',
    payloadFormat: 'Raw',
    network: { allowedCIDRs: ['127.0.0.0/8'] },
    secretValues: [],
  };
}

async function newEngine(
  server: NatsServer,
  member: string,
  onEnd: TestContext['onTestFinished'],
  options: TestEngineOptions = {},
): Promise<TestEngine> {
  const link = await connect(server);
  const broker = brokerOn(link);
  const agents = createAgentPool();
  const transitions: TestEngine['transitions'] = [];
  const listener: LaneListener = {
    transitioned: (uid, list) => {
      for (const transition of list) transitions.push({ uid, transition });
    },
    changed: () => undefined,
    deadLettered: () => undefined,
    lost: () => undefined,
  };
  const engine = new Engine({
    ...options,
    broker,
    names: defaultStreamNames,
    partitions,
    shards: 1,
    member,
    sender: createHTTPSender({ agents }),
    clock: systemClock,
    newID: randomUUID,
    logger: process.env['TEST_LOG'] === undefined ? silentLogger : consoleLogger,
    listener,
    laneMetrics: () => noMetrics,
    slotMetrics: { lag: () => undefined, lost: (_slot, events) => (lost += events), remove: () => undefined },
  });
  let lost = 0;
  let ended = false;
  const close = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    broker.close();
    await link.close();
    await agents.close();
  };
  onEnd(close);
  return {
    engine,
    broker,
    transitions,
    lostEvents: () => lost,
    start: async (configs = []) => {
      const slots = Array.from({ length: partitions }, (_, slot) => slot);
      await Promise.all(
        slots.map((slot) =>
          engine.acquire(
            slot,
            async () => configs.filter(({ source, uid }) => engine.slotOf(source, uid) === slot),
            () => undefined,
          ),
        ),
      );
    },
    stop: async () => {
      await engine.stop(5000);
      await close();
    },
    crash: close,
    verify: async (config) => {
      const urlHash = config.target?.urlHash ?? '';
      await engine.setVerified(config.uid, { urlHash, reason: 'NotRequired', at: Date.now() });
    },
  };
}

const consoleLogger = {
  error: (message: string, fields?: object) => console.error(message, fields),
  info: (message: string, fields?: object) => console.error(message, fields),
  debug: (message: string, fields?: object) => console.error(message, fields),
  child: () => consoleLogger,
};

/** Polls until `check` is true; fails with `what` after `timeoutMs`. */
export async function until(what: string, check: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`Did not happen within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
