/**
 * Views of the client's messages in the shape of the port. They parse nothing until it is asked for.
 */
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { headers as newHeaders } from '@nats-io/transport-node';
import type { BrokerHeaders, ConsumedMessage, StoredMessage } from './broker.ts';

const ack = Buffer.from('+ACK');
const nak = Buffer.from('-NAK');

/** Where an ack subject keeps its numbers. */
interface DeliveryInfo {
  readonly deliveryCount: number;
  readonly sequence: number;
  readonly timestamp: number;
}

/** A message handed out by a pull consumer. */
export class NatsConsumedMessage implements ConsumedMessage {
  readonly #message: Msg;
  #info: DeliveryInfo | undefined;
  #settled = false;

  constructor(message: Msg) {
    this.#message = message;
  }

  get subject(): string {
    return this.#message.subject;
  }
  get data(): Uint8Array {
    return this.#message.data;
  }
  get sequence(): number {
    return this.#delivery().sequence;
  }
  get timestamp(): number {
    return this.#delivery().timestamp;
  }
  get deliveryCount(): number {
    return this.#delivery().deliveryCount;
  }
  header(name: string): string {
    return headerOf(this.#message.headers, name);
  }
  headers(): Record<string, string> {
    return headersToRecord(this.#message.headers);
  }
  ack(): void {
    this.#respond(ack);
  }
  nak(delayMs?: number): void {
    const delay = Math.round((delayMs ?? 0) * 1e6);
    this.#respond(delay > 0 ? Buffer.from(`-NAK {"delay":${delay}}`) : nak);
  }

  #respond(payload: Uint8Array): void {
    if (this.#settled) return;
    this.#settled = true;
    try {
      this.#message.respond(payload);
    } catch {
      // The connection is closed: as good as a lost ack, the server delivers the message again.
    }
  }

  #delivery(): DeliveryInfo {
    this.#info ??= parseAckSubject(this.#message.reply ?? '');
    return this.#info;
  }
}

/**
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>`, on some servers with a
 * domain and an account hash before the stream.
 */
export function parseAckSubject(subject: string): DeliveryInfo {
  const tokens = subject.split('.');
  const first = tokens.length === 9 ? 4 : 6;
  // Nanoseconds exceed 2^53; the last six digits are below a millisecond anyway.
  const timestamp = Number((tokens[first + 3] ?? '').slice(0, -6));
  return { deliveryCount: Number(tokens[first]), sequence: Number(tokens[first + 1]), timestamp };
}

/** An answer of a direct get: the stored message with what the server knows of it in headers. */
export class DirectMessage implements StoredMessage {
  readonly #message: Msg;

  constructor(message: Msg) {
    this.#message = message;
  }

  get subject(): string {
    return this.#last('Nats-Subject');
  }
  get sequence(): number {
    return Number(this.#last('Nats-Sequence'));
  }
  get timestamp(): number {
    return Date.parse(this.#last('Nats-Time-Stamp'));
  }
  get data(): Uint8Array {
    return this.#message.data;
  }
  header(name: string): string {
    return headerOf(this.#message.headers, name);
  }
  headers(): Record<string, string> {
    return headersToRecord(this.#message.headers);
  }

  // The server appends its own: a producer's header of that name comes first.
  #last(name: string): string {
    return this.#message.headers?.last(name) ?? '';
  }
}

/** `message` of a `STREAM.MSG.GET` response. */
export interface ApiMessage {
  readonly subject: string;
  readonly seq: number;
  readonly time: string;
  /** Base64. */
  readonly hdrs?: string;
  /** Base64. */
  readonly data?: string;
}

/** A message as the leader's API returns it. */
export class LeaderMessage implements StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly timestamp: number;
  readonly data: Uint8Array;
  readonly #headers: readonly (readonly [string, string])[];

  constructor(message: ApiMessage) {
    this.subject = message.subject;
    this.sequence = message.seq;
    this.timestamp = Date.parse(message.time);
    this.data = Buffer.from(message.data ?? '', 'base64');
    this.#headers = parseHeaderBlock(Buffer.from(message.hdrs ?? '', 'base64').toString('utf8'));
  }

  header(name: string): string {
    const lower = name.toLowerCase();
    return this.#headers.find(([candidate]) => candidate.toLowerCase() === lower)?.[1] ?? '';
  }
  headers(): Record<string, string> {
    // First value per name, as everywhere.
    return Object.fromEntries([...this.#headers].reverse());
  }
}

/** `NATS/1.0`, then `name: value` lines. */
export function parseHeaderBlock(block: string): [string, string][] {
  const headers: [string, string][] = [];
  for (const line of block.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
  }
  return headers;
}

/** For publishing. Throws the client's InvalidArgumentError on a name or value that no header can have. */
export function toMessageHeaders(headers: BrokerHeaders): MsgHdrs {
  const result = newHeaders();
  for (const name in headers) result.append(name, headers[name] ?? '');
  return result;
}

function headerOf(headers: MsgHdrs | undefined, name: string): string {
  if (headers === undefined) return '';
  // The client's own look-up copies all names first; this runs for every event.
  let lower: string | undefined;
  for (const [candidate, values] of headers) {
    if (candidate.length !== name.length) continue;
    if (candidate === name) return values[0] ?? '';
    lower ??= name.toLowerCase();
    if (candidate.toLowerCase() === lower) return values[0] ?? '';
  }
  return '';
}

function headersToRecord(headers: MsgHdrs | undefined): Record<string, string> {
  if (headers === undefined) return {};
  return Object.fromEntries(Array.from(headers, ([name, values]) => [name, values[0] ?? ''] as const));
}
