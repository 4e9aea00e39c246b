import type { TestContext } from 'vitest';
import type { Broker, ConsumedMessage } from '../../src/jetstream/broker.ts';
import { brokerOn, connect, startBroker, streamOptions } from '../jetstream/fixture.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedBroker } from './simulated-broker.ts';
import { SimulatedJetStream } from './simulated-jetstream.ts';
import { SimulatedProcess, VirtualTime } from './virtual-clock.ts';

/** A JetStream with the operator's streams: the simulated one or a real server. */
export interface Environment {
  readonly broker: Broker;
  /** A second client of the same server. */
  readonly other: () => Promise<Broker>;
  /** The server's wall clock, in milliseconds. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** A case of the suite, told by what it finds out about the server. */
export type ConformanceCase = (environment: Environment) => Promise<void>;

export async function onRealServer(run: ConformanceCase, onEnd: TestContext['onTestFinished']): Promise<void> {
  const { broker, server } = await startBroker(onEnd);
  await run({
    broker,
    other: async () => {
      const link = await connect(server);
      onEnd(() => link.close());
      const second = brokerOn(link);
      onEnd(() => second.close());
      return second;
    },
    now: () => Date.now() + broker.clockOffsetMs(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  });
}

const maxRunMs = 120_000;

export async function onSimulation(run: ConformanceCase, seed: number): Promise<void> {
  const time = new VirtualTime();
  const random = new SeededRandom(seed);
  const server = new SimulatedJetStream(time, random.fork(), streamOptions);
  const client = (name: string): Broker =>
    new SimulatedBroker({ server, process: new SimulatedProcess(name, time), random: random.fork() });
  const progress = { ended: false };
  const running = run({
    broker: client('first'),
    other: async () => client('second'),
    now: () => new SimulatedProcess('clock', time).now(),
    sleep: (ms) => time.sleep(ms),
  }).finally(() => {
    progress.ended = true;
  });
  running.catch(() => undefined);
  while (!progress.ended && time.now < maxRunMs) await time.runUntil(time.now + 50);
  if (!progress.ended) throw new Error('The case did not come to an end');
  await running;
}

/** Consumes into a list; `settle` is called with each message. */
export async function collect(
  broker: Broker,
  stream: string,
  durable: string,
  options: { readonly settle?: (message: ConsumedMessage) => void; readonly pinnedGroup?: string } = {},
) {
  const { settle, pinnedGroup } = options;
  const received: ConsumedMessage[] = [];
  const group = pinnedGroup === undefined ? {} : { pinnedGroup };
  const subscription = await broker.consume(stream, durable, { maxMessages: 100, ...group }, (message) => {
    received.push(message);
    settle?.(message);
  });
  return { subscription, received };
}

/** Polls until `check` holds. */
export async function eventually(
  { now, sleep }: Environment,
  what: string,
  check: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const end = now() + timeoutMs;
  while (!(await check())) {
    if (now() > end) throw new Error(`Did not happen within ${timeoutMs} ms: ${what}`);
    await sleep(20);
  }
}
