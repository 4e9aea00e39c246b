/** The measurements, the same for both sides. */
import { setTimeout as delay } from 'node:timers/promises';
import { OperatorError } from '../../src/errors.ts';
import type { Child } from './child.ts';
import { cpuMicros, memoryUse, sharedMicros, type MemoryUse } from './machine.ts';
import type { PublisherCommands } from './publisher-process.ts';
import type { Latencies, Progress, ReceiverCommands } from './receiver-process.ts';
import type { Side } from './side.ts';

/** A measurement that is void. */
export class MeasurementError extends OperatorError {
  readonly code = 'WHO_BENCH_MEASUREMENT';
}

export interface Bench {
  readonly receiver: Child<ReceiverCommands>;
  readonly publisher: Child<PublisherCommands>;
  /** Processes whose CPU time is told besides the side's own, by name. */
  readonly others: Readonly<Record<string, number>>;
}

export interface Throughput {
  readonly deliveriesPerSecond: number;
  /** CPU time per delivery by process; `self` is the side's own. */
  readonly cpuMicros: Readonly<Record<string, number>>;
  readonly memory: MemoryUse;
  /** Deliveries that had not arrived when nothing had come for {@link silenceMs}. */
  readonly missing: number;
  /** When the measured part began and ended, µs of the shared clock. */
  readonly fromMicros: number;
  readonly untilMicros: number;
}

/** Of each throughput measurement, not counted: code is compiled, connections are opened. */
const warmUpShare = 0.1;
/**
 * Published last, when consumers are no longer held: one that was paused begins only with the next event or request (measured).
 * So many that there is one for each partition.
 */
const wakingEvents = 200;
const pollMs = 10;
/** Longer than any pause that the product takes by design. */
const silenceMs = 20_000;

/** Stores all events, then lets them go and measures until the last has arrived. */
export async function measureThroughput(bench: Bench, side: Side, events: number): Promise<Throughput> {
  const { receiver, publisher } = bench;
  const expected = events * side.copies;
  const warmUp = Math.floor(expected * warmUpShare);
  await side.hold();
  await receiver.call('begin', { expected, warmUp, latency: false });
  await publisher.call('store', { subjects: side.subjects, count: events - wakingEvents });
  await side.release();
  await publisher.call('store', { subjects: side.subjects, count: wakingEvents });
  const warm = await until(bench, ({ warmAt }) => warmAt > 0);
  const before = cpuOf(bench, side);
  const end = await until(bench, ({ count }) => count >= expected);
  const after = cpuOf(bench, side);
  const sample = {
    deliveriesPerSecond: perSecond(Math.min(end.count, expected) - warmUp, end.lastAt - end.warmAt),
    cpuMicros: cpuPerDelivery(before, after, end.count - warm.count),
    memory: memoryUse(side.pid),
    missing: Math.max(0, expected - end.count),
    fromMicros: end.warmAt,
    untilMicros: end.lastAt,
  };
  await side.clear();
  return sample;
}

/** Publishes one event after the other, each when the one before has arrived everywhere. */
export async function measureFanOut(bench: Bench, side: Side, events: number): Promise<Throughput> {
  const { receiver, publisher } = bench;
  const [subject = ''] = side.subjects;
  let before = cpuOf(bench, side);
  let fromMicros = sharedMicros();
  let busyMicros = 0;
  let missing = 0;
  const warmUp = Math.ceil(events * warmUpShare);
  for (let event = -warmUp; event < events; event += 1) {
    if (event === 0) {
      before = cpuOf(bench, side);
      fromMicros = sharedMicros();
    }
    await receiver.call('begin', { expected: side.copies, warmUp: 0, latency: false });
    const publishedAt = await publisher.call('one', { subject });
    const end = await until(bench, ({ count }) => count >= side.copies);
    missing += side.copies - end.count;
    if (event >= 0) busyMicros += end.lastAt - publishedAt;
  }
  const deliveries = events * side.copies;
  return {
    deliveriesPerSecond: perSecond(deliveries - missing, busyMicros),
    cpuMicros: cpuPerDelivery(before, cpuOf(bench, side), deliveries),
    memory: memoryUse(side.pid),
    missing,
    fromMicros,
    untilMicros: sharedMicros(),
  };
}

/** From publishing to arrival, at a rate that both sides have no trouble with. */
export async function measureLatency(
  bench: Bench,
  side: Side,
  plan: { rate: number; seconds: number },
): Promise<Latencies> {
  const { receiver, publisher } = bench;
  const count = plan.rate * plan.seconds;
  await receiver.call('begin', { expected: count, warmUp: 0, latency: true });
  await publisher.call('paced', { subjects: side.subjects, count, perSecond: plan.rate });
  await until(bench, (progress) => progress.count >= count);
  const latencies = await receiver.call('latencies', undefined);
  await side.clear();
  return latencies;
}

/** Resolves when `check` holds, or when nothing has arrived for {@link silenceMs}. */
async function until({ receiver }: Bench, check: (progress: Progress) => boolean): Promise<Progress> {
  let last = -1;
  let lastChange = performance.now();
  for (;;) {
    const progress = await receiver.call('progress', undefined);
    if (check(progress)) return progress;
    const now = performance.now();
    if (progress.count !== last) {
      last = progress.count;
      lastChange = now;
    }
    if (now - lastChange > silenceMs) return progress;
    await delay(pollMs);
  }
}

/**
 * Waits until nothing is left of what came before: status writes, secrets read again. At most {@link settleTimeoutMs}, because a
 * process that never rests is part of what is measured.
 */
export async function settle(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + settleTimeoutMs;
  for (let quiet = 0; quiet < 2 && performance.now() < deadline;) {
    const before = pids.map(cpuMicros);
    await delay(500);
    const used = pids.reduce((sum, pid, index) => sum + cpuMicros(pid) - (before[index] ?? 0), 0);
    quiet = used < 500_000 * restingShare ? quiet + 1 : 0;
  }
}

const settleTimeoutMs = 45_000;
/** Of one processor, all processes together. */
const restingShare = 0.25;

function cpuOf({ receiver, publisher, others }: Bench, side: Side): Readonly<Record<string, number>> {
  const pids = { self: side.pid, receiver: receiver.pid, publisher: publisher.pid, ...others };
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuMicros(pid)]));
}

function cpuPerDelivery(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
  deliveries: number,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(after).map(([name, micros]) => [name, (micros - (before[name] ?? 0)) / deliveries]),
  );
}

function perSecond(count: number, micros: number): number {
  return micros > 0 ? (count * 1e6) / micros : Number.NaN;
}
