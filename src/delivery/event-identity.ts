/**
 * The names of an event and of its deliveries: the event id is what receivers deduplicate by, the delivery key
 * is what our own subjects are made of.
 */
import { hash } from 'node:crypto';

/** Looks a producer's header up without regard to case; the empty string when it is absent. */
export interface HeaderLookup {
  header(name: string): string;
}

export interface EventSubject {
  readonly partition: number;
  readonly source: string;
  /** The dot-separated rest, at least one token. */
  readonly type: string;
}

const validID = /^[A-Za-z0-9_:-]{1,128}$/;

/**
 * `Nats-Msg-Id`, else `ce-id`, else the delivery key. An id that doesn't fit into a subject token or a header is replaced
 * by its sha256 in hex: it does not fall through to the next source.
 */
export function eventID(message: HeaderLookup, deliveryKey: string): string {
  const given = message.header('Nats-Msg-Id') || message.header('ce-id');
  if (given === '') return deliveryKey;
  return validID.test(given) ? given : hash('sha256', given, 'hex');
}

// One stream is asked about over and over: its identity is computed once.
let last: { readonly created: string; readonly identity: string } | undefined;

/**
 * The part of a delivery key that names the stream.
 * @param streamCreated ISO 8601 with up to nanoseconds, as the server gives it.
 */
export function streamIdentityOf(streamCreated: string): string {
  if (last?.created !== streamCreated) last = { created: streamCreated, identity: computeIdentity(streamCreated) };
  return last.identity;
}

/**
 * `<stream creation, base 36>-<sequence>`, plus `-<replay uid>` for a replay. Never repeats: a stream that is made anew
 * has another creation time.
 * @param streamCreated ISO 8601 with up to nanoseconds, as the server gives it.
 */
export function deliveryKey(streamCreated: string, sequence: number, replayUID?: string): string {
  const identity = streamIdentityOf(streamCreated);
  return replayUID === undefined ? `${identity}-${sequence}` : `${identity}-${sequence}-${replayUID}`;
}

/** Nanoseconds since the epoch in base 36; the sha256 of a text that is no time, so that a key is always made. */
function computeIdentity(created: string): string {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(created);
  const seconds = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  if (match === null || Number.isNaN(seconds)) return hash('sha256', created, 'hex');
  const nanoseconds = BigInt((match[2] ?? '').padEnd(9, '0'));
  return (BigInt(seconds) * 1_000_000n + nanoseconds).toString(36);
}

/** Takes `events.<partition>.<source>.<type…>` apart; undefined for any other subject. */
export function parseEventSubject(subject: string): EventSubject | undefined {
  if (!subject.startsWith('events.')) return undefined;
  const afterPartition = subject.indexOf('.', 7);
  const afterSource = subject.indexOf('.', afterPartition + 1);
  if (afterPartition === -1 || afterSource === -1) return undefined;
  const partition = subject.slice(7, afterPartition);
  const source = subject.slice(afterPartition + 1, afterSource);
  const type = subject.slice(afterSource + 1);
  if (!/^\d{1,5}$/.test(partition) || source === '' || type === '') return undefined;
  return { partition: Number(partition), source, type };
}
