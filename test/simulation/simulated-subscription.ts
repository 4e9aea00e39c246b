import type { ConsumedMessage, Subscription, SubscriptionEnd } from '../../src/jetstream/broker.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedConsumer, Subscriber } from './simulated-consumer.ts';
import type { SimulatedJetStream } from './simulated-jetstream.ts';
import { storedMessage, type SimulatedMessage } from './simulated-stream.ts';
import type { SimulatedProcess } from './virtual-clock.ts';

/** How long a pull request stays open when its client says nothing more. */
const pullExpiresMs = 10_000;

export interface SimulatedSubscriptionOptions {
  readonly server: SimulatedJetStream;
  readonly consumer: SimulatedConsumer;
  readonly process: SimulatedProcess;
  readonly random: SeededRandom;
  readonly maxMessages: number;
  readonly group: string | undefined;
  readonly lostAck: () => number;
  readonly onMessage: (message: ConsumedMessage) => void;
}

/** A continuous pull, both ends of it: the window that the server may fill and the callback in the client's process. */
export class SimulatedSubscription implements Subscription, Subscriber {
  readonly closed: Promise<SubscriptionEnd>;
  readonly #options: SimulatedSubscriptionOptions;
  readonly #resolveClosed: (end: SubscriptionEnd) => void;
  #credit: number;
  #pausedAt: number | undefined;
  #ended = false;
  #lastArrival = 0;
  #lastAckArrival = 0;

  constructor(options: SimulatedSubscriptionOptions) {
    this.#options = options;
    this.#credit = options.maxMessages;
    const closed = Promise.withResolvers<SubscriptionEnd>();
    this.closed = closed.promise;
    this.#resolveClosed = closed.resolve;
  }

  // --- as the server sees it ---

  get group(): string | undefined {
    return this.#options.group;
  }

  get client(): string {
    return this.#options.process.name;
  }

  credit(): number {
    const { process, server } = this.#options;
    if (this.#ended || process.isCrashed || process.silentMs > pullExpiresMs) return 0;
    if (this.#pausedAt !== undefined && server.time.now - this.#pausedAt > pullExpiresMs) return 0;
    return this.#credit;
  }

  silentMs(): number {
    const { process, server } = this.#options;
    if (this.#ended || process.isCrashed) return Number.POSITIVE_INFINITY;
    return Math.max(process.silentMs, this.#pausedAt === undefined ? 0 : server.time.now - this.#pausedAt);
  }

  deliver(message: SimulatedMessage, deliveryCount: number): void {
    const { process, server, random } = this.#options;
    const { time } = server;
    this.#credit--;
    // One connection: in order.
    this.#lastArrival = Math.max(this.#lastArrival, time.now + process.transit(random.between(0.2, 2)));
    time.after(this.#lastArrival - time.now, () => {
      process.run(() => {
        if (this.#ended) return;
        if (this.#pausedAt === undefined) this.#refill();
        this.#options.onMessage(this.#consumed(message, deliveryCount));
      });
    });
  }

  end(end: SubscriptionEnd, delayMs: number): void {
    const { process, server } = this.#options;
    server.time.after(delayMs, () => process.run(() => this.#end(end)));
  }

  #refill(): void {
    const { consumer, maxMessages, server, random } = this.#options;
    server.time.after(random.between(0.2, 2), () => {
      if (this.#ended) return;
      if (this.#credit < maxMessages) this.#credit++;
      consumer.pump();
    });
  }

  #consumed(message: SimulatedMessage, deliveryCount: number): ConsumedMessage {
    return {
      ...storedMessage(message),
      deliveryCount,
      ack: () => this.#reply(() => this.#options.consumer.ack(message.sequence)),
      nak: (delayMs = 0) => this.#reply(() => this.#options.consumer.nak(message.sequence, delayMs)),
    };
  }

  #reply(effect: () => void): void {
    const { process, server, random, lostAck } = this.#options;
    const { time } = server;
    const lost = random.chance(lostAck());
    this.#lastAckArrival = Math.max(this.#lastAckArrival, time.now + process.transit(random.between(0.2, 2)));
    time.after(this.#lastAckArrival - time.now, () => {
      if (!lost && server.available) effect();
    });
  }

  // --- as the client sees it ---

  async stop(): Promise<void> {
    if (this.#ended) return;
    const { consumer, process, server, random } = this.#options;
    const { time } = server;
    this.#credit = 0;
    await new Promise<void>((resolve) => {
      time.after(random.between(0.2, 2), () => {
        consumer.unsubscribe(this);
        // What is on its way is handed out before.
        const rest = Math.max(this.#lastArrival - time.now, 0) + random.between(0.2, 2);
        time.after(rest, () => process.run(resolve));
      });
    });
    this.#end({ reason: 'Stopped' });
  }

  pause(): void {
    this.#pausedAt ??= this.#options.server.time.now;
  }

  resume(): void {
    if (this.#pausedAt === undefined) return;
    this.#pausedAt = undefined;
    const { consumer, maxMessages, server } = this.#options;
    this.#credit = maxMessages;
    server.time.after(1, () => consumer.pump());
  }

  #end(end: SubscriptionEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.consumer.unsubscribe(this);
    this.#resolveClosed(end);
  }
}
