/**
 * The part of JetStream that the engine uses, as one narrow port. `nats-broker.ts` implements it on a real server; the
 * simulation implements it on a virtual clock. Everything above it (stores, slots, lanes) is the same code in both.
 */
import { OperatorError } from '../errors.ts';

/** Message headers; names keep their case, one value per name. */
export type BrokerHeaders = Readonly<Record<string, string>>;

/** A message as stored in a stream. */
export interface StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  /** Server time of the append, milliseconds since the epoch. */
  readonly timestamp: number;
  readonly data: Uint8Array;
  /** Looks a header up without regard to case; the empty string when it is absent. */
  header(name: string): string;
  /** All headers (reserved ones of the server included), built on demand: not for the hot path. */
  headers(): Record<string, string>;
}

/** A message handed out by a consumer. It stays pending on the server until `ack` or `nak`. */
export interface ConsumedMessage extends StoredMessage {
  /** 1 on the first delivery. */
  readonly deliveryCount: number;
  /** Fire-and-forget acknowledgement. The caller collects acks and sends them once per turn of the event loop. */
  ack(): void;
  /** Gives the message back, to be delivered again at once or after `delayMs`. */
  nak(delayMs?: number): void;
}

export interface PublishOptions {
  readonly headers?: BrokerHeaders;
  /** `Nats-Msg-Id`: the stream drops a repeat within its duplicate window and answers `duplicate: true`. */
  readonly messageID?: string;
  /** Compare-and-set on the subject's last sequence; 0 = the subject must be empty. */
  readonly expectedLastSubjectSequence?: number;
  /** Stores the message as a schedule that the server publishes to `target` at `at` (ms since the epoch, server's clock). */
  readonly schedule?: { readonly at: number; readonly target: string };
}

export interface PublishAck {
  readonly stream: string;
  readonly sequence: number;
  readonly duplicate: boolean;
}

export interface StreamState {
  readonly name: string;
  /** When the stream was created, ISO 8601 with nanoseconds as the server gives it. Changes when it is made anew. */
  readonly created: string;
  readonly messages: number;
  readonly bytes: number;
  /** Of the oldest message; of an empty stream the one that the next message gets. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly maxBytes: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Messages per subject, only when asked for by a filter. */
  readonly subjects?: Readonly<Record<string, number>>;
}

export interface ConsumerSpec {
  readonly stream: string;
  readonly durable: string;
  readonly filterSubject: string;
  readonly maxAckPending: number;
  /** Defaults to 30 000. */
  readonly ackWaitMs?: number;
  /** The single priority group of a pinned consumer; absent = not pinned. */
  readonly pinnedGroup?: string;
  /** First stream sequence to deliver when the consumer is created; absent = from the stream's first message. */
  readonly startSequence?: number;
}

export interface ConsumerState {
  /** Highest stream sequence below or at which everything is acknowledged. */
  readonly ackFloor: number;
  /** Messages delivered and not acknowledged. */
  readonly ackPending: number;
  /** Messages of the filter not delivered yet: the lag. */
  readonly pending: number;
  readonly created: string;
}

export interface Subscription {
  /** Stops pulling; messages already handed out stay pending. Resolves when no callback will run any more. */
  stop(): Promise<void>;
  /** Pauses and resumes pulling without giving the pin up. */
  pause(): void;
  resume(): void;
  /** Resolves when the subscription ended for good: by `stop`, or because the consumer or the stream is gone, or the pin's group changed. */
  readonly closed: Promise<SubscriptionEnd>;
}
export type SubscriptionEnd =
  | { readonly reason: 'Stopped' | 'ConsumerGone' | 'GroupChanged' | 'Stalled' }
  | { readonly reason: 'Failed'; readonly error: unknown };

/** JetStream refused or could not confirm an operation. */
export class BrokerError extends OperatorError {
  readonly code = 'WHO_BROKER';
  readonly kind: BrokerErrorKind;

  constructor(kind: BrokerErrorKind, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

/**
 * - `Unavailable`: no confirmation (time-out, disconnected, no responders): the operation may or may not have happened.
 * - `WrongLastSequence`: compare-and-set refused (10071).
 * - `SubjectFull`: `max_msgs_per_subject` with `discard_new_per_subject` (10077).
 * - `StreamFull`: `max_bytes`/`max_msgs` of a stream that discards new ones, or no storage left (10047, 10077 for bytes).
 * - `StreamNotFound` (10059), `ConsumerNotFound` (10014).
 * - `TooLarge`: over `max_payload` or the stream's `max_msg_size`.
 * - `Rejected`: any other refusal by the server; repeating it unchanged is useless.
 */
export type BrokerErrorKind =
  | 'Unavailable'
  | 'WrongLastSequence'
  | 'SubjectFull'
  | 'StreamFull'
  | 'StreamNotFound'
  | 'ConsumerNotFound'
  | 'TooLarge'
  | 'Rejected';

export interface Broker {
  /** The server's `max_payload` in bytes. */
  readonly maxPayload: number;
  /** Publishes and awaits the confirmation. Throws {@link BrokerError}. */
  publish(subject: string, data: Uint8Array, options?: PublishOptions): Promise<PublishAck>;
  /** Removes the messages of `filter` (wildcards allowed) with a sequence below `beforeSequence`, or all of them. */
  purge(stream: string, filter: string, beforeSequence?: number): Promise<{ readonly purged: number }>;
  /** Up to `limit` messages of one subject from `fromSequence` on, ascending, by batch direct get. */
  directGet(stream: string, subject: string, fromSequence: number, limit: number): Promise<StoredMessage[]>;
  /** One message by sequence, from the leader; undefined when it is gone. */
  getMessage(stream: string, sequence: number): Promise<StoredMessage | undefined>;
  /** The last message of a subject, read from the leader (not from a follower); undefined when there is none. */
  getLast(stream: string, subject: string): Promise<StoredMessage | undefined>;
  /** From the leader. With `subjectsFilter`, counts per subject too (all pages). Throws `StreamNotFound`. */
  streamState(stream: string, subjectsFilter?: string): Promise<StreamState>;
  /** Creates the durable or updates what differs (`pinnedGroup`, `maxAckPending`); never moves its position. */
  ensureConsumer(spec: ConsumerSpec): Promise<ConsumerState>;
  consumerState(stream: string, durable: string): Promise<ConsumerState>;
  deleteConsumer(stream: string, durable: string): Promise<void>;
  listConsumers(stream: string): Promise<string[]>;
  /** Takes the pin away from whoever holds it. */
  unpin(stream: string, durable: string, group: string): Promise<void>;
  /**
   * Pulls continuously from a durable. `onMessage` is called in order and must not throw. Survives reconnects, leader
   * changes and stalls by itself; ends only as {@link SubscriptionEnd} says.
   */
  consume(
    stream: string,
    durable: string,
    options: { readonly maxMessages: number; readonly pinnedGroup?: string },
    onMessage: (message: ConsumedMessage) => void,
  ): Promise<Subscription>;
  /** Server time minus local time in milliseconds, measured from stream timestamps; 0 before the first measurement. */
  clockOffsetMs(): number;
}
