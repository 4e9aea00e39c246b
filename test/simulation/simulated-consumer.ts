import type { ConsumerSpec, ConsumerState, SubscriptionEnd } from '../../src/jetstream/broker.ts';
import { subjectMatches, type SimulatedMessage, type SimulatedStream } from './simulated-stream.ts';
import { epochStart, type VirtualTime } from './virtual-clock.ts';
import type { SeededRandom } from './seeded-random.ts';

const defaultAckWaitMs = 30_000;
/** `priority_timeout`: how long a client that asks for nothing keeps the pin. */
const pinTimeoutMs = 30_000;
/** A client whose group was replaced finds out with its next request. */
const groupChangeNoticeMs = 5000;

/** A client's open pull, as the server sees it. */
export interface Subscriber {
  readonly group: string | undefined;
  /** Messages that its requests still ask for. */
  credit(): number;
  /** How long it has asked for nothing although it is connected; infinite when it is gone. */
  silentMs(): number;
  deliver(message: SimulatedMessage, deliveryCount: number): void;
  end(end: SubscriptionEnd, delayMs: number): void;
  /** Name of the client's process. */
  readonly client: string;
}

interface Pending {
  deadline: number;
  /** Time of the last delivery, and to whom. */
  readonly since: number;
  readonly client: string;
}

/** A durable pull consumer of the simulated server. */
export class SimulatedConsumer {
  spec: ConsumerSpec;
  readonly stream: SimulatedStream;
  readonly created: string;
  /** Last stream sequence that was looked at for delivery. */
  #cursor: number;
  #lastDelivered: number;
  readonly #pending = new Map<number, Pending>();
  readonly #counts = new Map<number, number>();
  readonly #redeliver = new Set<number>();
  readonly #subscribers = new Set<Subscriber>();
  #pinned: Subscriber | undefined;
  /** Clients of an older group that the server still owes an answer: each may take one message more. */
  readonly #leftover = new Set<Subscriber>();
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #isAvailable: () => boolean;
  readonly #onAcked: (stream: string, sequence: number, client: string) => void;
  #timer: object | undefined;
  #destroyed = false;

  constructor(options: {
    spec: ConsumerSpec;
    stream: SimulatedStream;
    time: VirtualTime;
    random: SeededRandom;
    isAvailable: () => boolean;
    onAcked: (stream: string, sequence: number, client: string) => void;
  }) {
    this.spec = options.spec;
    this.stream = options.stream;
    this.#time = options.time;
    this.#random = options.random;
    this.#isAvailable = options.isAvailable;
    this.#onAcked = options.onAcked;
    this.#cursor = Math.max(0, (options.spec.startSequence ?? 1) - 1);
    this.#lastDelivered = this.#cursor;
    this.created = new Date(epochStart + this.#time.now).toISOString();
  }

  update(spec: ConsumerSpec): void {
    const previous = this.spec.pinnedGroup;
    this.spec = spec;
    if (spec.pinnedGroup === previous) return;
    this.#pinned = undefined;
    for (const subscriber of this.#subscribers) {
      if (subscriber.group === spec.pinnedGroup) continue;
      if (this.#random.chance(0.3)) this.#leftover.add(subscriber);
      subscriber.end({ reason: 'GroupChanged' }, this.#random.between(0, groupChangeNoticeMs));
    }
  }

  unpin(): void {
    this.#pinned = undefined;
    this.pump();
  }

  subscribe(subscriber: Subscriber): void {
    if (this.#destroyed) {
      subscriber.end({ reason: 'ConsumerGone' }, 1);
      return;
    }
    this.#subscribers.add(subscriber);
    this.pump();
  }

  unsubscribe(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    this.#leftover.delete(subscriber);
    if (this.#pinned === subscriber) this.#pinned = undefined;
    this.pump();
  }

  /** The consumer is deleted, or its stream. */
  destroy(): void {
    this.#destroyed = true;
    if (this.#timer !== undefined) this.#time.cancel(this.#timer);
    for (const subscriber of this.#subscribers)
      subscriber.end({ reason: 'ConsumerGone' }, this.#random.between(0, 1000));
    this.#subscribers.clear();
    this.#pending.clear();
  }

  /** Hands out whatever may be handed out now. */
  pump(): void {
    if (!this.#isAvailable()) return;
    for (;;) {
      if (this.#pending.size - this.#redeliver.size >= this.spec.maxAckPending) return;
      const subscriber = this.#receiver();
      if (subscriber === undefined) return;
      const message = this.#next();
      if (message === undefined) return;
      const { sequence } = message;
      const count = (this.#counts.get(sequence) ?? 0) + 1;
      this.#counts.set(sequence, count);
      const since = this.#time.now;
      const deadline = since + (this.spec.ackWaitMs ?? defaultAckWaitMs);
      this.#pending.set(sequence, { deadline, since, client: subscriber.client });
      this.#leftover.delete(subscriber);
      this.#watch();
      subscriber.deliver(message, count);
    }
  }

  #receiver(): Subscriber | undefined {
    for (const subscriber of this.#leftover) {
      if (subscriber.credit() > 0 && subscriber.silentMs() < 4000) return subscriber;
    }
    const { pinnedGroup } = this.spec;
    if (this.#pinned !== undefined && this.#pinned.silentMs() >= pinTimeoutMs) this.#pinned = undefined;
    if (this.#pinned !== undefined) return this.#pinned.credit() > 0 ? this.#pinned : undefined;
    for (const subscriber of this.#subscribers) {
      if (subscriber.group !== pinnedGroup || subscriber.credit() <= 0) continue;
      if (pinnedGroup !== undefined) this.#pinned = subscriber;
      return subscriber;
    }
    return undefined;
  }

  #next(): SimulatedMessage | undefined {
    for (const sequence of this.#redeliver) {
      this.#redeliver.delete(sequence);
      const message = this.stream.messages.get(sequence);
      if (message !== undefined) return message;
      this.#forget(sequence);
    }
    if (this.#pending.size >= this.spec.maxAckPending) return undefined;
    while (this.#cursor < this.stream.lastSequence) {
      const message = this.stream.messages.get(++this.#cursor);
      if (message !== undefined && subjectMatches(this.spec.filterSubject, message.subject)) {
        this.#lastDelivered = this.#cursor;
        return message;
      }
    }
    return undefined;
  }

  #forget(sequence: number): void {
    this.#pending.delete(sequence);
    this.#counts.delete(sequence);
    this.#redeliver.delete(sequence);
  }

  ack(sequence: number): void {
    const pending = this.#pending.get(sequence);
    if (pending === undefined) return;
    this.#forget(sequence);
    this.#onAcked(this.stream.config.name, sequence, pending.client);
    if (this.stream.config.retention === 'workqueue') this.stream.remove(sequence, this.#time.now);
    this.pump();
  }

  nak(sequence: number, delayMs: number): void {
    const pending = this.#pending.get(sequence);
    if (pending === undefined || this.#redeliver.has(sequence)) return;
    if (delayMs > 0) pending.deadline = this.#time.now + delayMs;
    else this.#redeliver.add(sequence);
    if (this.#timer !== undefined) this.#time.cancel(this.#timer);
    this.#timer = undefined;
    this.#watch();
    this.pump();
  }

  /** What was purged from the stream is not pending any more. */
  dropPurged(): void {
    for (const sequence of this.#pending.keys()) if (!this.stream.messages.has(sequence)) this.#forget(sequence);
  }

  #watch(): void {
    if (this.#timer !== undefined) return;
    let earliest = Number.POSITIVE_INFINITY;
    for (const [sequence, { deadline }] of this.#pending) {
      if (!this.#redeliver.has(sequence)) earliest = Math.min(earliest, deadline);
    }
    if (earliest === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#time.after(earliest - this.#time.now, () => {
      this.#timer = undefined;
      for (const [sequence, { deadline }] of this.#pending) {
        if (deadline <= this.#time.now) this.#redeliver.add(sequence);
      }
      this.#watch();
      this.pump();
    });
  }

  state(): ConsumerState {
    let ackFloor = this.#lastDelivered;
    for (const sequence of this.#pending.keys()) ackFloor = Math.min(ackFloor, sequence - 1);
    let pending = 0;
    for (const [sequence, { subject }] of this.stream.messages) {
      if (sequence > this.#cursor && subjectMatches(this.spec.filterSubject, subject)) pending++;
    }
    return { ackFloor, ackPending: this.#pending.size, pending, created: this.created };
  }

  /** Delivered and unacked; `since` is the time of the last delivery. */
  *unacked(): IterableIterator<{ readonly sequence: number; readonly since: number; readonly client: string }> {
    for (const [sequence, { since, client }] of this.#pending) {
      if (!this.#redeliver.has(sequence)) yield { sequence, since, client };
    }
  }
}
