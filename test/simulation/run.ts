import { defaultStreamNames as names } from '../../src/jetstream/subjects.ts';
import { orderedConsumerName } from '../../src/jetstream/slot-consumers.ts';
import { checkDeleted, checkEnd, checkWhile } from './invariants.ts';
import { scenarioOf, type Scenario } from './scenario.ts';
import { World } from './world.ts';

export interface RunResult {
  readonly scenario: Scenario;
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  readonly steps: number;
  /** Milliseconds of virtual time until nothing was left to do. */
  readonly settledAt: number;
  readonly posts: number;
}

const checkIntervalMs = 500;
/** Everything that was owed is settled this long after the last fault: retries, parks and twice `ack_wait`. */
const settleWithinMs = 150_000;
/** An append of a former owner that arrives late is found when backlogs are counted again. */
const recountMs = 320_000;
const sweepAfterMs = 15_000;
/** What a member still had in hand of a swept webhook would be written again by now. */
const rearisesWithinMs = 35_000;

/** One run from a seed: the scenario, then a quiet time, then the invariants. */
export async function simulate(seed: number): Promise<RunResult> {
  return runScenario(scenarioOf(seed));
}

async function runScenario(scenario: Scenario): Promise<RunResult> {
  const world = new World(scenario);
  const { time, ledger, receivers } = world;
  const until = async (end: number): Promise<void> => {
    while (time.now < end) {
      await time.runUntil(Math.min(end, time.now + checkIntervalMs));
      checkWhile(world);
    }
  };
  await until(scenario.quietFrom);
  for (const { uid } of scenario.webhooks) receivers.setMode(uid, { kind: 'Healthy' });
  ledger.note('quiet from now on');
  await until(scenario.quietFrom + 8000);
  if (scenario.reactivate) {
    for (const { uid } of scenario.webhooks) {
      world.change('Resume', uid);
      world.change('Annotate', uid);
    }
  }
  await until(time.now + 5000);
  const strays = scenario.actions.some(({ action }) => action.kind === 'Stick');
  const deadline = time.now + settleWithinMs + (strays ? recountMs : 0);
  while (time.now < deadline && !isSettled(world)) {
    await until(time.now + 2000);
    // As the sweep of deleted webhooks does, which takes ten minutes.
    if (time.now > scenario.quietFrom + sweepAfterMs) world.sweep();
  }
  const settledAt = time.now;
  // Counts are stored within a second, copies of what was acked come back within ack_wait.
  await until(time.now + 4000);
  while (time.now < deadline && !isSettled(world)) await until(time.now + 2000);
  if (!isSettled(world)) ledger.violated(`not settled: ${leftOver(world)}`);
  if ([...world.configs.values()].some(({ config }) => config === undefined)) {
    const ownersStayed = scenario.actions.every(({ action }) => action.kind !== 'HandOver');
    if (scenario.faultFree && ownersStayed) checkDeleted(world);
    world.sweep();
    await until(time.now + rearisesWithinMs);
    checkDeleted(world);
  }
  checkEnd(world);
  return {
    scenario,
    violations: ledger.violations,
    trace: ledger.trace,
    steps: time.steps,
    settledAt,
    posts: ledger.posts.length,
  };
}

/** Nothing is on its way any more. */
function isSettled(world: World): boolean {
  const { server, scenario, ledger, configs } = world;
  const published = scenario.actions.filter(({ action }) => action.kind === 'Publish').length;
  if (ledger.events.length < published) return false;
  for (const { uid, delivery } of scenario.webhooks) {
    const consumes = server.consumers.has(`${names.events}/${orderedConsumerName(uid)}`);
    if (delivery.ordered && configs.get(uid)?.config !== undefined && !consumes) return false;
  }
  for (const [uid, { config }] of configs) {
    // Somebody does not know yet what was changed.
    if (config !== undefined && world.owners[world.slotOf(config)]?.engine.lane(uid)?.config !== config) return false;
  }
  for (const [slot, owner] of world.owners.entries()) {
    if (!owner.works(slot) || !server.consumers.has(`${names.events}/events-${slot}`)) return false;
  }
  for (const consumer of server.consumers.values()) {
    const { pending, ackPending } = consumer.state();
    if (pending > 0 || ackPending > 0) return false;
  }
  if (server.stream(names.retries).messages.size > 0) return false;
  for (const subject of Object.keys(server.stream(names.backlog).subjects('backlog.>'))) {
    const uid = subject.split('.')[2] ?? '';
    const config = world.configs.get(uid)?.config;
    if (config === undefined) continue;
    const lane = world.owners[world.slotOf(config)]?.engine.lane(uid);
    if (lane === undefined || lane.inactiveReason() === undefined) return false;
  }
  return true;
}

/** What keeps a run from being settled, for the trace. */
function leftOver({ server, owners }: World): string {
  const idle = owners.flatMap((owner, slot) => (owner.works(slot) ? [] : [`slot ${slot} has no owner`]));
  const consumers = [...server.consumers].map(([id, consumer]) => {
    const { pending, ackPending } = consumer.state();
    return `${id} ${pending} pending, ${ackPending} unacked`;
  });
  const counts = [names.retries, names.backlog].map((name) => JSON.stringify(server.stream(name).subjects('>')));
  return [...idle, ...consumers, ...counts].join('; ');
}
