import { connect } from '@nats-io/transport-node';
import type { BareLoopCommands } from './bare-loop-process.ts';
import { signingSecret, startBenchWorld, type BenchWorld } from './bench-world.ts';
import type { Cell } from './cells.ts';
import { startChild, type Child } from './child.ts';
import {
  measureFanOut,
  measureLatency,
  measureThroughput,
  MeasurementError,
  settle,
  type Bench,
  type Throughput,
} from './measure.ts';
import type { BenchOptions } from './options.ts';
import type { PublisherCommands } from './publisher-process.ts';
import type { Latencies, ReceiverCommands } from './receiver-process.ts';
import type { CellResult } from './report.ts';
import { heldDeliveries, lostEvents, startScraper } from './scraper.ts';
import { bareSide, productSide, type Side } from './side.ts';

export interface CellSetup {
  readonly options: BenchOptions;
  readonly receiver: Child<ReceiverCommands>;
  readonly publisher: Child<PublisherCommands>;
  readonly receiverUrl: string;
  /** What the operator is started from, and its environment. */
  readonly entryPoint: string;
  readonly env: Readonly<Record<string, string>>;
  readonly progress: (state: string) => void;
}

/** Measures both sides of a cell in turn, so that whatever the machine does meanwhile hits both. */
export async function runCell(cell: Cell, setup: CellSetup): Promise<CellResult> {
  const { options, progress } = setup;
  return inWorld(cell, setup, async (world, bench, sides) => {
    const results = { bare: samples(), product: samples() };
    const before = await world.operator.metrics();
    const resting = [...sides.map(({ pid }) => pid), ...Object.values(bench.others)];
    for (const side of sides) {
      progress(`${cell.name}: ${side.name} warms up`);
      await measureOnce(cell, bench, side, { ...options, events: warmUpEvents(options) });
    }
    for (let run = 1; run <= options.runs; run += 1) {
      for (const side of run % 2 === 1 ? sides : sides.toReversed()) {
        progress(`${cell.name}: run ${run} of ${options.runs}, ${side.name}`);
        await settle(resting);
        const { throughput, latency } = results[side.name];
        throughput.push(await measureOnce(cell, bench, side, options));
        if (cell.fanOut || options.latencySeconds === 0) continue;
        await settle(resting);
        latency.push(await measureLatency(bench, side, { rate: options.latencyRate, seconds: options.latencySeconds }));
      }
    }
    const after = await world.operator.metrics();
    return {
      cell,
      appliedMs: world.appliedMs,
      activeMs: world.activeMs,
      ...results,
      held: heldDeliveries(after) - heldDeliveries(before),
      lost: lostEvents(after) - lostEvents(before),
    };
  });
}

function samples(): { throughput: Throughput[]; latency: Latencies[] } {
  return { throughput: [], latency: [] };
}

/** One measurement of the product alone, for a profile. */
export async function runForProfile(cell: Cell, setup: CellSetup): Promise<Throughput> {
  return inWorld(cell, setup, async (_, bench, sides) => {
    const side = sides.find(({ name }) => name === 'product') as Side;
    await measureOnce(cell, bench, side, { ...setup.options, events: warmUpEvents(setup.options) });
    await settle([side.pid]);
    return measureOnce(cell, bench, side, setup.options);
  });
}

/** Unmeasured, before the first run: the processes have compiled their code then. */
function warmUpEvents({ events }: BenchOptions): number {
  return Math.max(1000, Math.ceil(events / 10));
}

function measureOnce(
  cell: Cell,
  bench: Bench,
  side: Side,
  { events, fanOutEvents }: Pick<BenchOptions, 'events' | 'fanOutEvents'>,
): Promise<Throughput> {
  return cell.fanOut ? measureFanOut(bench, side, fanOutEvents) : measureThroughput(bench, side, events);
}

/** Starts everything that a cell needs, hands it to `work`, and stops it whatever comes of that. */
async function inWorld<Result>(
  cell: Cell,
  setup: CellSetup,
  work: (world: BenchWorld, bench: Bench, sides: readonly Side[]) => Promise<Result>,
): Promise<Result> {
  const { options, publisher, receiver, receiverUrl, entryPoint, env, progress } = setup;
  progress(`${cell.name}: starting the cluster`);
  const world = await startBenchWorld({
    cell,
    concurrency: options.concurrency,
    receiverUrl,
    entryPoint,
    env,
    progress,
  });
  const nats = await connect({ servers: world.nats.url, name: 'bench' });
  const loop = startChild<BareLoopCommands>('bare-loop-process.ts');
  const scraper = startScraper(world.operator.metricsUrl);
  try {
    await publisher.call('connect', { url: world.nats.url });
    const others = { NATS: world.nats.pid(), 'API server': world.plane.apiServer.pid(), etcd: world.plane.etcd.pid() };
    const bare = await bareSide(nats, {
      loop,
      cell,
      natsUrl: world.nats.url,
      receiverUrl,
      secret: signingSecret,
      inFlight: options.bareInFlight,
    });
    const product = await productSide(nats, world, cell);
    const result = await work(world, { receiver, publisher, others }, [bare, product]);
    const failures = await loop.call('failures', undefined);
    if (failures > 0) throw new MeasurementError(`${failures} requests of the bare loop failed`);
    return result;
  } finally {
    scraper.stop();
    await loop.stop();
    await nats.close();
    await world.stop();
  }
}
