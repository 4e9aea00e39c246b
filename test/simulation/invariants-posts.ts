import type { WebhookConfig } from '../../src/delivery/webhook-config.ts';
import { formatTime, type ClaimWrite, type Post } from './ledger.ts';
import type { World } from './world.ts';

/** A success is settled within this time when NATS answers: the queue behind it, the write, the cut. */
const settledWithinMs = 5000;

/** A transition works before it is stored: what begins by it may come earlier than the record. */
const storedWithinMs = 8000;

function* postsByDelivery(world: World): IterableIterator<Post[]> {
  const groups = new Map<string, Post[]>();
  for (const post of world.ledger.posts) {
    const key = `${post.uid}/${post.eventID}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [post]);
    else group.push(post);
  }
  yield* groups.values();
}

/** The receiver said 2xx, and the sender knows it or was gone before it could. */
function isSuccess(post: Post): boolean {
  return post.seen?.ok ?? (post.answered !== undefined && post.answered.status < 300);
}

/** Repeats only after a crash or takeover, once for each, and only of what was not settled yet. */
export function checkDuplicates(world: World): void {
  for (const posts of postsByDelivery(world)) {
    const successes = posts.filter(isSuccess);
    for (const [index, repeat] of successes.entries()) {
      const before = successes[index - 1];
      if (before === undefined) continue;
      const reason = unexplainedRepeat(world, before, repeat);
      if (reason === undefined) continue;
      const where = `${repeat.eventID} → ${repeat.uid}, delivered at ${formatTime(before.at).trim()}`;
      world.ledger.violated(`${where}, was delivered again at ${formatTime(repeat.at).trim()}: ${reason}`);
    }
  }
}

function unexplainedRepeat(world: World, before: Post, repeat: Post): string | undefined {
  const { ledger, scenario } = world;
  if (scenario.faultFree && !wasTakenOver(world, before, repeat)) return 'there was no fault';
  const claims = slotClaims(world, repeat.uid);
  // The server never saw acks of event and retry: it hands both out again, and only a process that remembers knows better.
  if (scenario.network.lostAck > 0 && repeat.generation > 1) return undefined;
  if (isStray(world, repeat)) return undefined;
  if (before.generation === repeat.generation) return 'the owner was the same';
  const first = claims.find(({ generation }) => generation > before.generation);
  const silent = ledger.silences.filter(
    ({ member, interval }) => member === before.member && interval.from >= before.at,
  );
  const endedAt = Math.min(first?.at ?? 0, ...silent.map(({ interval }) => interval.from));
  const disturbed =
    ledger.outages.some(({ from, to }) => to > before.at && from < endedAt) ||
    ledger.lostConfirmations.some((at) => at > before.at - settledWithinMs && at < endedAt);
  if (disturbed) return undefined;
  if (!wasTakenOver(world, before, repeat)) return 'the slot was handed over by will';
  // Without an answer it was in flight.
  const knownAt = before.seen?.at ?? Number.POSITIVE_INFINITY;
  return endedAt - knownAt > settledWithinMs ? `the owner had ${endedAt - knownAt} ms to settle it` : undefined;
}

/** A takeover or an outage came in between. */
function isDisturbed(world: World, before: Post, after: Post): boolean {
  return (
    wasTakenOver(world, before, after) ||
    world.ledger.outages.some(({ from, to }) => to > before.at && from < after.at) ||
    world.ledger.lostConfirmations.some((at) => at > before.at - settledWithinMs && at < after.at)
  );
}

/** Whether an owner between the two ended without handing over all that it had in hand. */
function wasTakenOver(world: World, before: Post, after: Post): boolean {
  const claims = slotClaims(world, after.uid);
  return claims.some(
    ({ generation }) =>
      generation >= before.generation && generation < after.generation && isUnclean(generation, claims),
  );
}

/** The owner did not give the slot up, or had deliveries in hand when it did. */
function isUnclean(generation: number, claims: readonly ClaimWrite[]): boolean {
  const last = claims.findLast((claim) => claim.generation === generation);
  return last?.released !== true || last.unsettled === true;
}

function slotClaims(world: World, uid: string): ClaimWrite[] {
  const config = world.scenario.webhooks.find((webhook) => webhook.uid === uid);
  const slot = config === undefined ? -1 : world.slotOf(config);
  return world.ledger.claims.filter((claim) => claim.slot === slot);
}

/** No POST goes to a URL that had not proved itself, to a disabled webhook, or with an event that it is not owed. */
export function checkTargets(world: World): void {
  const { ledger } = world;
  for (const post of ledger.posts) {
    const states = ledger.states.filter(({ uid, at }) => uid === post.uid && at <= post.at);
    const urlHash = `sha256:${post.url}`;
    if (!states.some(({ state }) => state.verification?.urlHash === urlHash)) {
      ledger.violated(`POST of ${post.eventID} to ${post.url} at ${formatTime(post.at)}, which is not verified`);
    }
    const owed = states.at(-1)?.state.owed;
    const event = ledger.events.find(({ id }) => id === post.eventID);
    if (owed !== undefined && event !== undefined && event.sequence <= owed.sequence) {
      ledger.violated(`POST of ${post.eventID} to ${post.uid}, which is owed events after ${owed.sequence}`);
    }
  }
}

/** Attempts are counted without gaps or repeats, and end with the schedule. */
export function checkAttempts(world: World): void {
  const { ledger } = world;
  for (const posts of postsByDelivery(world)) {
    for (const [index, post] of posts.entries()) {
      const most = Math.max(...configsOf(world, post.uid).map(({ delivery }) => delivery.retry.scheduleMs.length + 1));
      if (post.attempt > most) ledger.violated(`attempt ${post.attempt} of ${post.eventID} → ${post.uid}, of ${most}`);
      const before = posts[index - 1];
      if (before === undefined && post.attempt !== 1) {
        ledger.violated(`the first attempt of ${post.eventID} → ${post.uid} is number ${post.attempt}`);
      }
      if (before === undefined || post.attempt === before.attempt + 1 || hasOldCopies(world, post)) continue;
      // What was not acked or not cut yet begins again with the number that it had.
      if (post.generation !== before.generation && isDisturbed(world, before, post)) continue;
      const restarted = wasRestarted(world, before, post);
      if (restarted && (post.attempt === 1 || post.attempt === before.attempt)) continue;
      const what = `attempt ${post.attempt} of ${post.eventID} → ${post.uid} at ${formatTime(post.at).trim()}`;
      ledger.violated(`${what} follows attempt ${before.attempt} at ${formatTime(before.at).trim()}`);
    }
  }
}

/** Acks got lost and then the owner changed: copies with older numbers come again, and nobody knows of the newer ones. */
function hasOldCopies(world: World, post: Post): boolean {
  return (world.scenario.network.lostAck > 0 && post.generation > 1) || isStray(world, post);
}

function isStray({ ledger }: World, { uid, eventID }: Post): boolean {
  return ledger.strays.has(`${uid}/${eventID}`);
}

/** A verdict, or a change of the epoch, came in between. */
function wasRestarted(world: World, before: Post, post: Post): boolean {
  const states = world.ledger.states.filter(({ uid }) => uid === before.uid);
  const first = states.findLast(({ at }) => at <= before.at)?.state.epoch ?? 0;
  const last = states.findLast(({ at }) => at <= post.at + storedWithinMs)?.state.epoch ?? 0;
  return last > first;
}

function configsOf(world: World, uid: string): WebhookConfig[] {
  return world.ledger.configs.flatMap((change) =>
    change.uid === uid && change.config !== undefined ? [change.config] : [],
  );
}

/** Ordered webhooks: strictly in the order of EVENTS, one at a time, repeats only of the head. */
export function checkOrder(world: World): void {
  const { ledger, scenario } = world;
  const sequences = new Map(ledger.events.map(({ id, sequence }) => [id, sequence]));
  for (const { uid, delivery } of scenario.webhooks) {
    if (!delivery.ordered) continue;
    const posts = ledger.posts.filter((post) => post.uid === uid);
    for (const [index, post] of posts.entries()) {
      const before = posts[index - 1];
      if (before === undefined) continue;
      const what = `${post.eventID} → ${uid} at ${formatTime(post.at).trim()}`;
      if ((sequences.get(post.eventID) ?? 0) < (sequences.get(before.eventID) ?? 0)) {
        ledger.violated(`${what} comes after ${before.eventID}`);
      }
      const overAt = before.seen?.at ?? before.at + delivery.timeouts.totalMs;
      const isOver = overAt <= post.at || before.at + delivery.timeouts.totalMs <= post.at;
      if (!isOver) ledger.violated(`${what} begins while ${before.eventID} is under way`);
      if (before.eventID !== post.eventID && !isEnded(world, before)) {
        ledger.violated(`${what} begins although ${before.eventID} is not settled`);
      }
    }
  }
}

/** Whether the head may be left: delivered, dead-lettered, or not wanted any more. */
function isEnded(world: World, last: Post): boolean {
  const { uid, eventID } = last;
  if (isSuccess(last) || world.ledger.deadLettered.has(`${uid}/${eventID}`)) return true;
  const [first, ...others] = configsOf(world, uid);
  return others.some(({ patterns }) => patterns.length !== first?.patterns.length);
}
