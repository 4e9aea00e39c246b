/**
 * One delivery as it travels through RETRIES, BACKLOG and DEADLETTERS: headers and data of a message, both ways. Pure.
 */
import type { BrokerHeaders, StoredMessage } from './broker.ts';
import { recordHeaders } from './subjects.ts';

/**
 * Why a delivery lies in the backlog. `Disable` restarts it at attempt 1; every other keeps its number. `Unfiltered`: the
 * filter in spec was invalid when the event came, so it is decided when the entry is read.
 */
export const heldByReasons = ['Disable', 'Suspend', 'Unverified', 'Unfiltered', 'Overflow', 'Ordered'] as const;
export type HeldBy = (typeof heldByReasons)[number];

/** The last failure of a delivery. */
export interface LastFailure {
  readonly statusCode?: number;
  readonly reason: string;
  readonly message: string;
}

export interface DeliveryRecord {
  /** See `deliveryKey`. */
  readonly key: string;
  /** Sequence of the event in EVENTS. */
  readonly eventSequence: number;
  readonly eventID: string;
  readonly eventType: string;
  /** When EVENTS stored the event, ms since the epoch, server's clock. */
  readonly storedAt: number;
  /** The attempt to be made next, from 1. */
  readonly attempt: number;
  /** Start of attempt 1, ms since the epoch; absent before it. */
  readonly firstAttemptAt?: number;
  /** Not before this time, ms since the epoch. */
  readonly dueAt?: number;
  readonly heldBy?: HeldBy;
  /** The webhook's epoch when the record was written. */
  readonly epoch?: number;
  readonly last?: LastFailure;
  /** Random per schedule: tells the current schedule of a delivery from a stale copy that fired. */
  readonly scheduleID?: string;
  /** Empty while the body is a reference: both come from the event then. */
  readonly producerHeaders: Readonly<Record<string, string>>;
  /** The event's bytes, or the EVENTS sequence to read them from. */
  readonly body: Uint8Array | RecordReference;
}

export interface RecordReference {
  readonly reference: number;
}

/** What is published: our headers and the data. */
export interface EncodedRecord {
  readonly headers: BrokerHeaders;
  readonly data: Uint8Array;
}

/** Room for our headers below `max_payload`, which counts headers too. */
const reservedBytes = 64 * 1024;
const empty = new Uint8Array(0);

export function isReference(body: DeliveryRecord['body']): body is RecordReference {
  return !(body instanceof Uint8Array);
}

/**
 * Encodes a record. What would not fit below `maxPayload` with 64 KiB to spare for our own headers travels as a
 * reference to the event: neither its body nor the producer's headers are copied then.
 */
export function encodeRecord(record: DeliveryRecord, maxPayload: number): EncodedRecord {
  const headers: Record<string, string> = {
    [recordHeaders.key]: record.key,
    [recordHeaders.eventSequence]: String(record.eventSequence),
    [recordHeaders.eventID]: encodeText(record.eventID),
    [recordHeaders.eventType]: encodeText(record.eventType),
    [recordHeaders.storedAt]: String(Math.trunc(record.storedAt)),
    [recordHeaders.attempt]: String(record.attempt),
  };
  if (record.firstAttemptAt !== undefined)
    headers[recordHeaders.firstAttempt] = String(Math.trunc(record.firstAttemptAt));
  if (record.dueAt !== undefined) headers[recordHeaders.dueAt] = String(Math.trunc(record.dueAt));
  if (record.heldBy !== undefined) headers[recordHeaders.heldBy] = record.heldBy;
  if (record.epoch !== undefined) headers[recordHeaders.epoch] = String(record.epoch);
  if (record.last !== undefined) {
    if (record.last.statusCode !== undefined) headers[recordHeaders.lastStatus] = String(record.last.statusCode);
    headers[recordHeaders.lastReason] = encodeText(record.last.reason);
    headers[recordHeaders.lastMessage] = encodeText(record.last.message);
  }
  if (record.scheduleID !== undefined) headers[recordHeaders.scheduleID] = record.scheduleID;
  if (isReference(record.body)) {
    headers[recordHeaders.reference] = String(record.body.reference);
    return { headers, data: empty };
  }
  const producerHeaders = encodeProducerHeaders(record.producerHeaders);
  if (record.body.byteLength + producerHeaders.length > maxPayload - reservedBytes) {
    headers[recordHeaders.reference] = String(record.eventSequence);
    return { headers, data: empty };
  }
  headers[recordHeaders.producerHeaders] = producerHeaders;
  return { headers, data: record.body };
}

/** Undefined when the message was not written by {@link encodeRecord}: whoever may publish to our streams can put anything there. */
export function decodeRecord(message: Pick<StoredMessage, 'header' | 'data'>): DeliveryRecord | undefined {
  const key = message.header(recordHeaders.key);
  const eventSequence = parseInteger(message.header(recordHeaders.eventSequence));
  const storedAt = parseInteger(message.header(recordHeaders.storedAt));
  const attempt = parseInteger(message.header(recordHeaders.attempt));
  const eventID = decodeText(message.header(recordHeaders.eventID));
  const eventType = decodeText(message.header(recordHeaders.eventType));
  const body = decodeBody(message);
  if (key === '' || eventSequence === undefined || storedAt === undefined || attempt === undefined || attempt < 1) {
    return undefined;
  }
  if (eventID === undefined || eventType === undefined || body === undefined) return undefined;

  const firstAttemptAt = parseInteger(message.header(recordHeaders.firstAttempt));
  const dueAt = parseInteger(message.header(recordHeaders.dueAt));
  const epoch = parseInteger(message.header(recordHeaders.epoch));
  const held = message.header(recordHeaders.heldBy);
  const heldBy = heldByReasons.find((reason) => reason === held);
  const last = decodeLastFailure(message);
  const scheduleID = message.header(recordHeaders.scheduleID);
  return {
    key,
    eventSequence,
    eventID,
    eventType,
    storedAt,
    attempt,
    ...(firstAttemptAt === undefined ? {} : { firstAttemptAt }),
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(heldBy === undefined ? {} : { heldBy }),
    ...(epoch === undefined ? {} : { epoch }),
    ...(last === undefined ? {} : { last }),
    ...(scheduleID === '' ? {} : { scheduleID }),
    ...body,
  };
}

/**
 * The headers of an event that belong to its producer: those that the server reads or adds (`Nats-*`) and our own stay out.
 */
export function producerHeadersOf(message: Pick<StoredMessage, 'headers'>): Record<string, string> {
  const entries = Object.entries(message.headers());
  return Object.fromEntries(entries.filter(([name]) => !/^(?:nats-|webhook-operator-)/i.test(name)));
}

function decodeBody(
  message: Pick<StoredMessage, 'header' | 'data'>,
): Pick<DeliveryRecord, 'body' | 'producerHeaders'> | undefined {
  const referenceText = message.header(recordHeaders.reference);
  if (referenceText !== '') {
    const reference = parseInteger(referenceText);
    return reference === undefined ? undefined : { producerHeaders: {}, body: { reference } };
  }
  const producerHeaders = decodeProducerHeaders(message.header(recordHeaders.producerHeaders));
  return producerHeaders === undefined ? undefined : { producerHeaders, body: message.data };
}

function decodeLastFailure(message: Pick<StoredMessage, 'header'>): LastFailure | undefined {
  const reason = decodeText(message.header(recordHeaders.lastReason));
  if (reason === undefined || reason === '') return undefined;
  const statusCode = parseInteger(message.header(recordHeaders.lastStatus));
  const text = decodeText(message.header(recordHeaders.lastMessage)) ?? '';
  return statusCode === undefined ? { reason, message: text } : { statusCode, reason, message: text };
}

function parseInteger(text: string): number | undefined {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

// A header value must be one line, and clients trim its edges; percent-encoding keeps every string whole and the usual
// ones readable (the CloudEvents binding for NATS encodes in the same way).
function encodeText(text: string): string {
  return text.toWellFormed().replace(/^ | $|[^ -~]|%/gu, encodeURIComponent);
}

function decodeText(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function encodeProducerHeaders(headers: Readonly<Record<string, string>>): string {
  return JSON.stringify(headers).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function decodeProducerHeaders(json: string): Record<string, string> | undefined {
  try {
    const parsed: unknown = JSON.parse(json);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    const entries = Object.entries(parsed);
    return entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')
      ? Object.fromEntries(entries)
      : undefined;
  } catch {
    return undefined;
  }
}
