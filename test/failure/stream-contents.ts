/** What the streams hold, read as any client could: the other side of the audit's books. */
import type { ConsumerInfo } from '@nats-io/jetstream';
import type { StoredMessage } from '../../src/jetstream/broker.ts';
import type { NatsBroker } from '../../src/jetstream/nats-broker.ts';
import {
  defaultStreamNames,
  parseDeliverySubject,
  parseStateSubject,
  recordHeaders,
  stateStream,
  type DeliverySubject,
} from '../../src/jetstream/subjects.ts';
import type { HeldDelivery, StoredEvent, UnackedRange } from './audit.ts';

const names = defaultStreamNames;
const pageSize = 500;

/** Everything that EVENTS holds. */
export async function storedEvents(broker: NatsBroker): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const message of messagesOf(broker, names.events)) {
    const [, partition = '', source = '', ...type] = message.subject.split('.');
    const id = message.header('Nats-Msg-Id');
    events.push({ sequence: message.sequence, partition: Number(partition), source, type: type.join('.'), id });
  }
  return events;
}

/** A held delivery and the slot that it belongs to. */
export interface PlacedDelivery extends HeldDelivery {
  readonly slot: number;
}

const places = { RetrySchedule: 'Retry', RetryDue: 'Retry', Backlog: 'Backlog', DeadLetter: 'DeadLetter' } as const;

const deliveryStreams: readonly string[] = [names.retries, names.backlog, names.deadLetters];

/** All that lies in RETRIES, BACKLOG and DEADLETTERS. */
export async function heldDeliveries(broker: NatsBroker, streams = deliveryStreams): Promise<PlacedDelivery[]> {
  const held: PlacedDelivery[] = [];
  for (const stream of streams) {
    for await (const message of messagesOf(broker, stream)) {
      const subject: DeliverySubject | undefined = parseDeliverySubject(message.subject);
      if (subject === undefined) throw new Error(`${stream} holds a message on ${message.subject}`);
      const { kind, slot, uid } = subject;
      held.push({ place: places[kind], slot, uid, sequence: Number(message.header(recordHeaders.eventSequence)) });
    }
  }
  return held;
}

/** What the consumers of EVENTS have handed out and not seen acknowledged; one shard is assumed. */
export async function unackedRanges(broker: NatsBroker): Promise<UnackedRange[]> {
  const ranges: UnackedRange[] = [];
  for (const durable of await broker.listConsumers(names.events)) {
    const partition = /^events-(\d+)$/.exec(durable)?.[1];
    if (partition === undefined) continue;
    const info = await consumerInfo(broker, names.events, durable);
    ranges.push({
      partition: Number(partition),
      after: info.ack_floor.stream_seq,
      through: info.delivered.stream_seq,
      count: info.num_ack_pending,
    });
  }
  return ranges;
}

/** Who works a slot. */
export interface Claim {
  readonly slot: number;
  readonly member: string;
  readonly generation: number;
  /** Given up by will. */
  readonly released?: boolean;
  /** Given up with work in hand. */
  readonly unsettled?: boolean;
}

/** The claims on all slots, by slot. */
export async function claims(broker: NatsBroker): Promise<Claim[]> {
  const found: Claim[] = [];
  for await (const message of messagesOf(broker, stateStream(names))) {
    const subject = parseStateSubject(names, message.subject);
    if (subject?.key !== 'owner') continue;
    const claim = JSON.parse(Buffer.from(message.data).toString('utf8')) as Omit<Claim, 'slot'>;
    found.push({ ...claim, slot: subject.slot });
  }
  return found.sort((a, b) => a.slot - b.slot);
}

/**
 * Why work is not done yet; undefined when every event is settled and nothing waits in RETRIES or BACKLOG.
 * @param ignored uids whose deliveries may wait: those of deleted Webhooks are swept later
 */
export async function unsettled(
  broker: NatsBroker,
  ignored: ReadonlySet<string> = new Set(),
): Promise<string | undefined> {
  const reasons: string[] = [];
  for (const stream of [names.events, names.retries]) {
    let [pending, unacked] = [0, 0];
    for (const durable of await broker.listConsumers(stream)) {
      const info = await consumerInfo(broker, stream, durable);
      pending += info.num_pending;
      unacked += info.num_ack_pending;
    }
    if (pending + unacked > 0) reasons.push(`${stream}: ${pending} not handed out, ${unacked} not acknowledged`);
  }
  const waiting = (await heldDeliveries(broker, [names.retries, names.backlog])).filter(({ uid }) => !ignored.has(uid));
  for (const place of ['Retry', 'Backlog']) {
    const count = waiting.filter((one) => one.place === place).length;
    if (count > 0) reasons.push(`${count} wait in the ${place}`);
  }
  return reasons.length === 0 ? undefined : reasons.join('; ');
}

/** The server that leads a stream of a cluster. */
export async function leaderOf(broker: NatsBroker, stream: string): Promise<string> {
  interface Led {
    readonly cluster: { readonly leader: string };
  }
  return (await broker.api.request<Led>(`STREAM.INFO.${stream}`, undefined, `Look at ${stream}`)).cluster.leader;
}

function consumerInfo(broker: NatsBroker, stream: string, durable: string): Promise<ConsumerInfo> {
  return broker.api.request(`CONSUMER.INFO.${stream}.${durable}`, undefined, `Look at ${durable}`);
}

async function* messagesOf(broker: NatsBroker, stream: string): AsyncGenerator<StoredMessage> {
  for (let next = 1; ;) {
    const page = await broker.directGet(stream, '>', next, pageSize);
    if (page.length === 0) return;
    yield* page;
    next = (page.at(-1)?.sequence ?? 0) + 1;
  }
}
