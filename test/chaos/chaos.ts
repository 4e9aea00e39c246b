import { setTimeout as delay } from 'node:timers/promises';
import { violations } from '../failure/audit.ts';
import type { OnEnd } from '../failure/stand.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { ChaosWorld } from './chaos-world.ts';
import { planFault, type PlannedFault } from './faults.ts';
import type { ChaosArguments } from './options.ts';

/** Faults begin this far apart. */
const pauseMs = { from: 500, to: 9000 };
const settleMs = 300_000;
const lossMessage = 'Events left the stream before they were read';

/**
 * Lets random faults happen for a while, puts everything right, waits until all is settled, and audits. The seed decides which
 * faults, with which numbers, in which order; what they meet is up to the machine.
 *
 * Resolves with what was wrong; throws when the world could not be put right.
 */
export async function runChaos(onEnd: OnEnd, options: ChaosArguments): Promise<readonly string[]> {
  const { minutes, seed, replicas, r3, rate } = options;
  console.log(`Seed ${seed}: ${minutes} min, ${replicas} replicas, ${r3 ? 3 : 1} NATS servers, ${rate} events/s`);
  const world = await ChaosWorld.start(onEnd, { replicas, natsServers: r3 ? 3 : 1, eventsPerSecond: rate });
  const log = new ElapsedLog();
  const endsAt = performance.now() + minutes * 60_000;
  const minutely = setInterval(() => log.line(progressOf(world)), 60_000);
  const failures: string[] = [];
  const running = new Map<string, Promise<void>>();
  const random = new SeededRandom(seed);
  while (performance.now() < endsAt) {
    await delay(random.between(pauseMs.from, pauseMs.to));
    // A generator of its own: that a fault is left out must not change the ones after it.
    const fault = planFault(world, random.fork());
    if (fault.on.some((thing) => running.has(thing))) continue;
    log.line(fault.what);
    const done = happen(fault, log, failures).finally(() => {
      for (const thing of fault.on) running.delete(thing);
    });
    for (const thing of fault.on) running.set(thing, done);
  }
  log.line('No more faults; waiting for those under way');
  while (running.size > 0) await Promise.all(running.values());
  clearInterval(minutely);
  await world.producer.pause();
  log.line('Putting everything right');
  await world.heal();
  log.line('Every webhook is active; waiting until everything is settled');
  await world.stand.settle(settleMs);
  await world.recorder.settled();
  log.line('Settled');
  return [...failures, ...(await conclude(world, seed))];
}

async function happen({ what, happen: begin }: PlannedFault, log: ElapsedLog, failures: string[]): Promise<void> {
  try {
    await begin();
  } catch (error) {
    log.line(`${what}: ${String(error)}`);
    failures.push(`${what}: ${String(error)}`);
  }
}

async function conclude(world: ChaosWorld, seed: number): Promise<readonly string[]> {
  const all = [...world.replicas, world.guest];
  const wrong: string[] = [];
  for (const replica of all) {
    replica.retire();
    for (const [message, { count, last }] of replica.complaints()) {
      console.log(`${replica.name}: ${count} × ${last}`);
      // Nothing leaves EVENTS within a day.
      if (message === lossMessage) wrong.push(`${replica.name} counted events as lost that are there`);
    }
    if (replica.crashes > 0) wrong.push(`${replica.name} failed ${replica.crashes} times`);
  }
  const result = await world.stand.books.audit(`Chaos, seed ${seed}`);
  console.log(`${world.recorder.takeovers} slots were taken over from owners that had not given them up`);
  return [...violations(result), ...wrong];
}

function progressOf({ stand, producer, recorder }: ChaosWorld): string {
  const { deliveries } = stand.receiver;
  const taken = `${recorder.takeovers} slots taken over`;
  return `${producer.accepted.size} events accepted, ${deliveries.length} requests received, ${taken}`;
}

/** Prints lines with the time since it began. */
class ElapsedLog {
  readonly #startedAt = performance.now();

  line(text: string): void {
    const elapsed = Math.floor((performance.now() - this.#startedAt) / 1000);
    const minute = String(Math.floor(elapsed / 60)).padStart(2, '0');
    console.log(`${minute}:${String(elapsed % 60).padStart(2, '0')} ${text}`);
  }
}
