/** One of the two that are compared, as a measurement sees it: where its events go, how to hold them back, what it runs on. */
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { defaultStreamNames } from '../../src/jetstream/subjects.ts';
import type { BenchWorld } from './bench-world.ts';
import { subjectsOf, type Cell } from './cells.ts';
import type { Child } from './child.ts';
import type { BareLoopCommands } from './bare-loop-process.ts';

export interface Side {
  readonly name: 'bare' | 'product';
  readonly subjects: readonly string[];
  /** POSTs that follow from one event. */
  readonly copies: number;
  /** The process that delivers. */
  readonly pid: number;
  /** Consumers get nothing until {@link release}: so that events are stored before the clock runs. */
  hold(): Promise<void>;
  release(): Promise<void>;
  /** Removes what was measured with. */
  clear(): Promise<void>;
}

const bareStream = 'BENCH';
const bareDurable = 'bench';
const bareSubject = 'bare.event';
/** Longer than the storing of any number of events takes. */
const holdMs = 600_000;

async function side(
  jsm: JetStreamManager,
  stream: string,
  fields: Pick<Side, 'name' | 'subjects' | 'copies' | 'pid'>,
): Promise<Side> {
  const consumers: string[] = [];
  for await (const { name } of jsm.consumers.list(stream)) consumers.push(name);
  const each = async (action: (name: string) => Promise<unknown>): Promise<void> => {
    await Promise.all(consumers.map(action));
  };
  return {
    ...fields,
    hold: () => each((name) => jsm.consumers.pause(stream, name, new Date(Date.now() + holdMs))),
    release: () => each((name) => jsm.consumers.resume(stream, name)),
    clear: async () => {
      await jsm.streams.purge(stream);
    },
  };
}

export async function productSide(nats: NatsConnection, world: BenchWorld, cell: Cell): Promise<Side> {
  return side(await jetstreamManager(nats), defaultStreamNames.events, {
    name: 'product',
    subjects: subjectsOf(cell),
    copies: cell.fanOut ? cell.webhooks : 1,
    pid: world.operator.pid,
  });
}

export interface BareSideOptions {
  readonly loop: Child<BareLoopCommands>;
  readonly cell: Cell;
  readonly natsUrl: string;
  readonly receiverUrl: string;
  readonly secret: string;
  readonly inFlight: number;
}

/** Makes a stream like EVENTS, and starts the bare loop on it. */
export async function bareSide(nats: NatsConnection, options: BareSideOptions): Promise<Side> {
  const { loop, cell, natsUrl, receiverUrl, secret, inFlight } = options;
  const jsm = await jetstreamManager(nats);
  await jsm.streams.add({
    name: bareStream,
    subjects: ['bare.>'],
    storage: 'file',
    num_replicas: 1,
    retention: 'limits',
    duplicate_window: 100e6,
  });
  await jsm.consumers.add(bareStream, {
    durable_name: bareDurable,
    ack_policy: 'explicit',
    max_ack_pending: 4096,
    ack_wait: 30e9,
  });
  const copies = cell.fanOut ? cell.webhooks : 1;
  await loop.call('start', {
    natsUrl,
    stream: bareStream,
    durable: bareDurable,
    receiverUrl,
    secret,
    inFlight,
    copies,
  });
  return side(jsm, bareStream, { name: 'bare', subjects: [bareSubject], copies, pid: loop.pid });
}
