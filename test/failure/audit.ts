/**
 * The exact audit of a failure test: every (event, webhook) pair that is owed must have arrived, lie in a dead letter, or
 * wait in the backlog or in RETRIES; and whatever arrived twice must be owed to a fault. Pure, and independent of the code it
 * judges: nothing here is imported from `src`.
 */

/** An event as EVENTS holds it: the stream is the truth about what was accepted. */
export interface StoredEvent {
  readonly sequence: number;
  readonly partition: number;
  readonly source: string;
  readonly type: string;
  readonly id: string;
}

export interface AuditedWebhook {
  readonly uid: string;
  readonly name: string;
  readonly source: string;
  readonly events: readonly string[];
  /** Patterns that it had for a while: what matches only these may have come or not. Defaults to none. */
  readonly formerEvents?: readonly string[];
  /** Owed are the events stored after this sequence; earlier ones may have come or not. */
  readonly owedAfter: number;
  /** Its requests must come in the order of the stream; only the latest one may come again. Defaults to false. */
  readonly ordered?: boolean;
}

/** A request that a receiver got in full. */
export interface Receipt {
  readonly uid: string;
  readonly eventID: string;
  /** When it was all there, `Date.now()`. */
  readonly time: number;
  /** Answered with 2xx: delivered, whether the answer arrived or not. */
  readonly accepted: boolean;
}

/** A delivery that lies in one of the operator's own streams. */
export interface HeldDelivery {
  readonly place: 'Retry' | 'Backlog' | 'DeadLetter';
  readonly uid: string;
  readonly sequence: number;
}

/** What a consumer of EVENTS has handed out and not seen acknowledged. */
export interface UnackedRange {
  readonly partition: number;
  /** Everything up to this sequence is acknowledged. */
  readonly after: number;
  readonly through: number;
  /** How many of the range are not acknowledged. */
  readonly count: number;
}

/**
 * A crash of an owner, and what the server held of its work at that moment. It repeats at most once each delivery
 * of the events received and not acked, those in flight, and backlog entries settled but not yet cut.
 */
export interface Fault {
  readonly name: string;
  /** `Date.now()` just before it, and when nothing that was under way could still arrive. */
  readonly from: number;
  readonly until: number;
  readonly unacked: readonly UnackedRange[];
  readonly held: readonly HeldDelivery[];
}

export interface AuditInput {
  readonly events: readonly StoredEvent[];
  readonly webhooks: readonly AuditedWebhook[];
  readonly receipts: readonly Receipt[];
  /** What lies in the operator's streams at the end. */
  readonly held: readonly HeldDelivery[];
  /** In order of time. Defaults to none: nothing may arrive twice. */
  readonly faults?: readonly Fault[];
}

export interface Pair {
  readonly webhook: AuditedWebhook;
  readonly event: StoredEvent;
}

export interface Duplicate extends Pair {
  /** Deliveries beyond the first. */
  readonly repeats: number;
  /** How many of them a fault explains. */
  readonly allowed: number;
}

export interface AuditResult {
  readonly events: number;
  readonly webhooks: number;
  /** Pairs that are owed. Each is in exactly one of: delivered, deadLettered, waiting, lost. */
  readonly pairs: number;
  readonly delivered: number;
  /** Not delivered, but dead-lettered. */
  readonly deadLettered: number;
  /** Neither, but in the backlog or in RETRIES. */
  readonly waiting: number;
  readonly lost: readonly Pair[];
  readonly duplicates: readonly Duplicate[];
  /** All deliveries beyond the first. */
  readonly repeats: number;
  /** How many repeats the faults could have caused at most. */
  readonly allowedRepeats: number;
  /** Repeats that no fault explains. */
  readonly unexplained: readonly Duplicate[];
  /** Requests of a webhook that does not exist, or with an event that it did not ask for. */
  readonly unexpected: readonly Receipt[];
  /** Requests of ordered webhooks for an event that is older than one requested before. */
  readonly outOfOrder: readonly Receipt[];
}

export function audit(input: AuditInput): AuditResult {
  const faults = input.faults ?? [];
  const receipts = acceptedTimes(input.receipts);
  const places = placesOf(input.held);
  const exposures = faults.map((fault) => new Exposure(fault));
  const lost: Pair[] = [];
  const duplicates: Duplicate[] = [];
  const wanted = new Set<string>();
  const counts = { pairs: 0, delivered: 0, deadLettered: 0, waiting: 0 };
  for (const webhook of input.webhooks) {
    const isOwed = matcher(webhook.source, webhook.events);
    const wasWanted = matcher(webhook.source, webhook.formerEvents ?? []);
    for (const event of input.events) {
      const owed = isOwed(event);
      if (!owed && !wasWanted(event)) continue;
      wanted.add(pairKey(webhook.uid, event.id));
      const times = receipts.get(pairKey(webhook.uid, event.id)) ?? [];
      if (times[0] !== undefined) for (const exposure of exposures) exposure.add({ webhook, event }, times[0]);
      if (times.length > 1) duplicates.push(judged({ webhook, event }, times, exposures));
      if (!owed || event.sequence <= webhook.owedAfter) continue;
      counts.pairs += 1;
      const held = places.get(placeKey(webhook.uid, event.sequence));
      if (times.length > 0) counts.delivered += 1;
      else if (held?.has('DeadLetter') === true) counts.deadLettered += 1;
      else if (held !== undefined) counts.waiting += 1;
      else lost.push({ webhook, event });
    }
  }
  return {
    events: input.events.length,
    webhooks: input.webhooks.length,
    ...counts,
    lost,
    duplicates,
    repeats: duplicates.reduce((sum, { repeats }) => sum + repeats, 0),
    allowedRepeats: exposures.reduce((sum, { allowed }) => sum + allowed, 0),
    unexplained: duplicates.filter(({ repeats, allowed }) => repeats > allowed),
    unexpected: input.receipts.filter(({ uid, eventID }) => !wanted.has(pairKey(uid, eventID))),
    outOfOrder: outOfOrder(input),
  };
}

function outOfOrder({ webhooks, events, receipts }: AuditInput): Receipt[] {
  const latest = new Map(webhooks.filter(({ ordered }) => ordered === true).map(({ uid }) => [uid, 0]));
  if (latest.size === 0) return [];
  const sequences = new Map(events.map(({ id, sequence }) => [id, sequence]));
  const found: Receipt[] = [];
  for (const receipt of receipts.filter(({ uid }) => latest.has(uid)).sort((a, b) => a.time - b.time)) {
    const sequence = sequences.get(receipt.eventID);
    if (sequence === undefined) continue;
    if (sequence < (latest.get(receipt.uid) ?? 0)) found.push(receipt);
    else latest.set(receipt.uid, sequence);
  }
  return found;
}

/** Which deliveries a fault may repeat, and how many of them were spent. */
class Exposure {
  readonly fault: Fault;
  readonly #held: ReadonlySet<string>;
  /** By partition: the events whose repeats are explained by the hot path, at most as many as were not acknowledged. */
  readonly #spent = new Map<number, Set<number>>();
  #heldPairs = 0;
  /** By partition and sequence: pairs whose first delivery is older than the fault. */
  readonly #unackedPairs = new Map<number, Map<number, number>>();

  constructor(fault: Fault) {
    this.fault = fault;
    const own = fault.held.filter(({ place }) => place !== 'DeadLetter');
    this.#held = new Set(own.map(({ uid, sequence }) => placeKey(uid, sequence)));
  }

  /** Takes a delivery that first arrived at `first` into the account. */
  add({ webhook, event }: Pair, first: number): void {
    if (first > this.fault.until) return;
    if (this.#held.has(placeKey(webhook.uid, event.sequence))) {
      this.#heldPairs += 1;
    } else if (this.#range(event) !== undefined) {
      const events = this.#unackedPairs.get(event.partition) ?? new Map<number, number>();
      events.set(event.sequence, (events.get(event.sequence) ?? 0) + 1);
      this.#unackedPairs.set(event.partition, events);
    }
  }

  /** How many repeats it could have caused at most: of a range, those of as many events as were not acknowledged. */
  get allowed(): number {
    let sum = this.#heldPairs;
    for (const { partition, count } of this.fault.unacked) {
      const pairs = [...(this.#unackedPairs.get(partition)?.values() ?? [])].sort((a, b) => b - a);
      for (const number of pairs.slice(0, count)) sum += number;
    }
    return sum;
  }

  /** Takes one repeat, which arrived at `time` after the one at `before`, on this fault. */
  explain({ webhook, event }: Pair, before: number, time: number): boolean {
    if (before > this.fault.until || time < this.fault.from) return false;
    if (this.#held.has(placeKey(webhook.uid, event.sequence))) return true;
    const range = this.#range(event);
    if (range === undefined) return false;
    const spent = this.#spent.get(event.partition) ?? new Set();
    if (!spent.has(event.sequence) && spent.size >= range.count) return false;
    this.#spent.set(event.partition, spent.add(event.sequence));
    return true;
  }

  #range(event: StoredEvent): UnackedRange | undefined {
    return this.fault.unacked.find(
      ({ partition, after, through }) =>
        partition === event.partition && event.sequence > after && event.sequence <= through,
    );
  }
}

/** @param times when it was delivered, ascending */
function judged(pair: Pair, times: readonly number[], exposures: readonly Exposure[]): Duplicate {
  const free = new Set(exposures);
  let allowed = 0;
  for (let index = 1; index < times.length; index += 1) {
    const [before = 0, time = 0] = times.slice(index - 1, index + 1);
    const cause = [...free].find((exposure) => exposure.explain(pair, before, time));
    if (cause === undefined) continue;
    free.delete(cause);
    allowed += 1;
  }
  return { ...pair, repeats: times.length - 1, allowed };
}

function acceptedTimes(receipts: readonly Receipt[]): ReadonlyMap<string, readonly number[]> {
  const times = new Map<string, number[]>();
  for (const { accepted, uid, eventID, time } of receipts) {
    if (!accepted) continue;
    const key = pairKey(uid, eventID);
    const list = times.get(key);
    if (list === undefined) times.set(key, [time]);
    else list.push(time);
  }
  for (const list of times.values()) list.sort((a, b) => a - b);
  return times;
}

function placesOf(held: readonly HeldDelivery[]): ReadonlyMap<string, ReadonlySet<HeldDelivery['place']>> {
  const places = new Map<string, Set<HeldDelivery['place']>>();
  for (const { uid, sequence, place } of held) {
    const key = placeKey(uid, sequence);
    places.set(key, (places.get(key) ?? new Set()).add(place));
  }
  return places;
}

/** What a webhook asks for: `*` stands for one token, `>` for one or more at the end. */
function matcher(webhookSource: string, events: readonly string[]): (event: StoredEvent) => boolean {
  const patterns = events.map((pattern) => {
    const tokens = pattern.split('.').map((token) => {
      if (token === '*') return '[^.]+';
      return token === '>' ? '.+' : token.replaceAll(/[^A-Za-z0-9_-]/g, String.raw`\$&`);
    });
    return new RegExp(`^${tokens.join(String.raw`\.`)}$`);
  });
  return ({ source, type }) => source === webhookSource && patterns.some((pattern) => pattern.test(type));
}

const pairKey = (uid: string, eventID: string): string => `${uid} ${eventID}`;
const placeKey = (uid: string, sequence: number): string => `${uid} ${sequence}`;

/** What breaks the promises that hold after every run that was settled: in words, one each. */
export function violations(result: AuditResult): readonly string[] {
  const { lost, waiting, unexplained, unexpected, outOfOrder: disordered } = result;
  return [
    ...(lost.length > 0 ? [`${lost.length} lost`] : []),
    ...(waiting > 0 ? [`${waiting} still waiting`] : []),
    ...(unexplained.length > 0 ? [`${unexplained.length} repeated without a cause`] : []),
    ...(unexpected.length > 0 ? [`${unexpected.length} deliveries that nobody asked for`] : []),
    ...(disordered.length > 0 ? [`${disordered.length} out of order`] : []),
  ];
}

/** One line for people. */
export function auditLine(name: string, result: AuditResult, durationMs: number): string {
  const { events, webhooks, pairs, delivered, deadLettered, waiting, lost, repeats, allowedRepeats } = result;
  return (
    `${name}: ${events} events, ${webhooks} webhooks, ${pairs} pairs: ${delivered} delivered, ` +
    `${deadLettered} dead-lettered, ${waiting} waiting, ${lost.length} lost; ` +
    `${repeats} duplicates (allowed ${allowedRepeats}), ${(durationMs / 1000).toFixed(1)} s`
  );
}
