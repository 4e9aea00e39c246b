import { producerHeadersOf, type DeliveryRecord, type HeldBy, type LastFailure } from '../jetstream/delivery-record.ts';
import type { StoredMessage } from '../jetstream/broker.ts';
import type { DeliveryEvent } from './delivery-event.ts';
import { eventID, type EventSubject } from './event-identity.ts';

/** An event as deliveries see it; one object is shared by every webhook that the event goes to. */
export interface EventContent extends Omit<DeliveryEvent, 'data'> {
  /** Names this event in every subject of ours, see `deliveryKey`. */
  readonly key: string;
  /** Sequence in EVENTS. */
  readonly sequence: number;
  /** The event's bytes; undefined while they are to be read from EVENTS by sequence. */
  readonly data: Uint8Array | undefined;
}

/**
 * Where a copy of a delivery came from and must be settled: an unacked event, an unacked due retry, an entry of the
 * backlog. `settle` is called once, after whatever follows from the delivery is stored.
 */
export interface Origin {
  readonly kind: 'Event' | 'Retry' | 'Backlog';
  /** {@link Clock.monotonic} time at which the process got it. */
  readonly receivedAt: number;
  /** RETRIES or BACKLOG may hold copies that an earlier owner wrote. Absent = it holds this one only. */
  readonly mayHaveCopies?: boolean;
  settle(): void;
  /** Gives the copy back unsettled: a backlog entry stays where it is. Absent where only settling makes sense. */
  release?(): void;
  /** Whether a copy that is given back keeps no later one from being settled for good. Absent with `release`. */
  mayStay?(): boolean;
}

/** A copy of a delivery as it arrives from one of its origins. */
export interface Arrival {
  readonly content: EventContent;
  readonly origin: Origin;
  /** The attempt to be made, from 1. */
  readonly attempt: number;
  readonly firstAttemptAt?: number;
  readonly last?: LastFailure;
  /** Not before this time (ms since the epoch, server's clock): only of backlog entries that no longer fitted among the retries. */
  readonly dueAt?: number;
  readonly heldBy?: HeldBy;
  /** Identity of the schedule that fired; tells the current one from a stale one. */
  readonly scheduleID?: string;
}

/** `Queued` → `InFlight` → `Settling` → gone. */
export type DeliveryPhase = 'Queued' | 'InFlight' | 'Settling';

/** One event on its way to one webhook, within this process. */
export class Delivery {
  readonly content: EventContent;
  /** Undefined once the delivery was parked: nothing waits for it in its origin any more. */
  origin: Origin | undefined;
  attempt: number;
  firstAttemptAt: number | undefined;
  last: LastFailure | undefined;
  readonly dueAt: number | undefined;
  phase: DeliveryPhase = 'Queued';
  /** Epoch of the webhook's state when the attempt began. */
  epoch = 0;
  /** Set from the moment in which parking began; resolves with the park's sequence in RETRIES. */
  park: Promise<ParkedSchedule> | undefined;
  /** Other copies of the same key that arrived meanwhile; they follow the outcome of this one. */
  followers: Arrival[] | undefined;
  readonly bytes: number;

  constructor(arrival: Arrival) {
    this.content = arrival.content;
    this.origin = arrival.origin;
    this.attempt = arrival.attempt;
    this.firstAttemptAt = arrival.firstAttemptAt;
    this.last = arrival.last;
    this.dueAt = arrival.dueAt;
    this.bytes = arrival.content.data?.byteLength ?? 0;
  }

  get key(): string {
    return this.content.key;
  }

  settleOrigin(): void {
    const origin = this.origin;
    this.origin = undefined;
    origin?.settle();
  }
}

export interface ParkedSchedule {
  /** Sequence of the park's confirmed schedule in RETRIES. */
  readonly sequence: number;
}

/** The content of an event as EVENTS hands it out. `streamIdentity`: see `streamIdentityOf`. */
export function contentOfEvent(
  message: StoredMessage,
  { source, type }: Pick<EventSubject, 'source' | 'type'>,
  streamIdentity: string,
): EventContent {
  const { sequence } = message;
  const key = `${streamIdentity}-${sequence}`;
  return {
    key,
    sequence,
    id: eventID(message, key),
    type,
    source,
    storedAt: message.timestamp,
    data: message.data,
    producer: message,
  };
}

/** What of a delivery goes into a record of our streams. */
export function recordOf(
  content: EventContent,
  fields: Pick<DeliveryRecord, 'attempt'> & Partial<DeliveryRecord>,
): DeliveryRecord {
  return {
    key: content.key,
    eventSequence: content.sequence,
    eventID: content.id,
    eventType: content.type,
    storedAt: content.storedAt,
    producerHeaders: content.data === undefined ? {} : producerHeadersOf(content.producer),
    body: content.data ?? { reference: content.sequence },
    ...fields,
  };
}

/** The content that a record carries; `data` is undefined for a reference. */
export function contentOf(record: DeliveryRecord, source: string): EventContent {
  const headers = record.producerHeaders;
  return {
    key: record.key,
    sequence: record.eventSequence,
    id: record.eventID,
    type: record.eventType,
    source,
    storedAt: record.storedAt,
    data: record.body instanceof Uint8Array ? record.body : undefined,
    producer: { header: (name) => headerOf(headers, name), headers: () => ({ ...headers }) },
  };
}

/** A header without regard to case; the empty string when absent. */
function headerOf(headers: Readonly<Record<string, string>>, name: string): string {
  const exact = headers[name];
  if (exact !== undefined) return exact;
  const lower = name.toLowerCase();
  for (const [candidate, value] of Object.entries(headers)) {
    if (candidate.toLowerCase() === lower) return value;
  }
  return '';
}
