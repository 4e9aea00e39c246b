/**
 * What `docs/delivery.md` promises, computed from the record of a run. Each check names what it found; the trace tells how it
 * came about.
 */
import { matchesAnyPattern } from '../../src/delivery/pattern.ts';
import { decodeRecord } from '../../src/jetstream/delivery-record.ts';
import { defaultStreamNames as names, stateStream } from '../../src/jetstream/subjects.ts';
import { checkAttempts, checkDuplicates, checkOrder, checkTargets } from './invariants-posts.ts';
import { checkVerdicts } from './invariants-state.ts';
import type { PublishedEvent } from './ledger.ts';
import { storedMessage } from './simulated-stream.ts';
import type { World } from './world.ts';

/** 2 s, the interval of the sweep, and the write that follows. */
const maxUnackedMs = 3000;
/** A write whose confirmation was lost is repeated after this long, or a little later. */
const repeatMs = 12_000;

/** Asked again and again during a run. */
export function checkWhile(world: World): void {
  const { server, ledger, time, scenario } = world;
  if (!server.available || scenario.network.lostAck > 0) return;
  const since = time.now - repeatMs;
  if (ledger.outages.some(({ to }) => to > since) || ledger.lostConfirmations.some((at) => at > since)) return;
  for (const [slot, owner] of world.owners.entries()) {
    const { process } = owner;
    if (!owner.works(slot) || time.now - process.resumedAt < repeatMs) continue;
    const consumer = server.consumers.get(`${names.events}/events-${slot}`);
    // What was handed out earlier, or to an earlier process of that name, waits for ack_wait.
    const from = Math.max(
      ledger.claims.findLast((claim) => claim.slot === slot)?.at ?? 0,
      ...ledger.outages.map(({ to }) => to),
    );
    for (const { sequence, since: deliveredAt, client } of consumer?.unacked() ?? []) {
      if (deliveredAt < from) continue;
      const restarted = ledger.silences.some(({ member, interval }) => member === client && interval.to > deliveredAt);
      if (client === process.name && !restarted && time.now - deliveredAt > maxUnackedMs) {
        ledger.violated(`event ${sequence} is unacked for ${Math.round(time.now - deliveredAt)} ms`);
      }
    }
  }
}

/** Asked when everything has settled. */
export function checkEnd(world: World): void {
  checkNothingLost(world);
  checkDuplicates(world);
  checkTargets(world);
  checkVerdicts(world);
  checkAttempts(world);
  checkOrder(world);
}

function checkNothingLost(world: World): void {
  const { ledger, scenario } = world;
  const held = heldDeliveries(world);
  for (const [uid, count] of ledger.lost)
    ledger.violated(`${uid} counts ${count} lost deliveries, and nothing was full`);
  for (const { uid } of scenario.webhooks) {
    if (world.configs.get(uid)?.config === undefined) continue;
    const owed = owedEvents(world, uid);
    const settled = new Set<string>();
    for (const post of ledger.posts) {
      if (post.uid !== uid) continue;
      if (post.seen?.ok === true || (post.answered !== undefined && post.answered.status < 300))
        settled.add(post.eventID);
    }
    for (const { id, sequence } of owed) {
      if (settled.has(id) || ledger.deadLettered.has(`${uid}/${id}`) || held.has(`${uid}/${id}`)) continue;
      ledger.violated(`${id} (sequence ${sequence}) is lost for ${uid}`);
    }
  }
}

/** Events that a webhook must have got in the end: it wanted them all the time, and was verified before they came. */
function owedEvents(world: World, uid: string): PublishedEvent[] {
  const { ledger } = world;
  const configs = ledger.configs.filter((change) => change.uid === uid).map(({ config }) => config);
  const states = ledger.states.filter((write) => write.uid === uid);
  const verifiedAt = states.find(({ state }) => state.verification !== undefined)?.at ?? Number.POSITIVE_INFINITY;
  const owedFrom = states.at(-1)?.state.owed?.sequence ?? Number.POSITIVE_INFINITY;
  return ledger.events.filter(
    (event) =>
      (event.at > verifiedAt || event.sequence > owedFrom) &&
      configs.every(
        (config) =>
          config !== undefined && config.source === event.source && matchesAnyPattern(config.patterns, event.type),
      ),
  );
}

/** What lies in RETRIES and BACKLOG, as `uid/event id`. */
function heldDeliveries({ server }: World): Set<string> {
  const held = new Set<string>();
  for (const name of [names.retries, names.backlog]) {
    for (const message of server.stream(name).messages.values()) {
      const uid = message.subject.split('.')[name === names.retries ? 3 : 2];
      held.add(`${uid}/${decodeRecord(storedMessage(message))?.eventID}`);
    }
  }
  return held;
}

/** A deleted webhook leaves nothing behind. */
export function checkDeleted(world: World): void {
  const { configs, server, ledger } = world;
  for (const [uid, { config }] of configs) {
    if (config !== undefined) continue;
    for (const name of [names.retries, names.backlog, names.deadLetters, stateStream(names)]) {
      for (const { subject } of server.stream(name).messages.values()) {
        if (subject.split('.').includes(uid)) ledger.violated(`${subject} is left of the deleted ${uid}`);
      }
    }
    if (server.consumers.has(`${names.events}/ordered-${uid}`)) ledger.violated(`the consumer of ${uid} is left`);
  }
}
