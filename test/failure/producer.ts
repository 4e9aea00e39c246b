import { setTimeout as delay } from 'node:timers/promises';
import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';

export interface ProducerOptions {
  readonly natsUrl: string;
  /** Events go to these in turn. */
  readonly sources: readonly string[];
  /** Defaults to `item.created` alone; in turn too. */
  readonly types?: readonly string[];
}

/** Publishes events with unique ids, as a careful producer does: it waits for the confirmation of each. */
export interface Producer {
  /** Sequences in EVENTS by event id: the server has confirmed that it stored them. */
  readonly accepted: ReadonlyMap<string, number>;
  /** Ids without a confirmation: the stream tells at the end whether they were stored. */
  readonly unknown: ReadonlySet<string>;
  /** Publishes `count` events as fast as the server takes them. */
  burst(count: number): Promise<void>;
  /** Publishes `perSecond` events a second until {@link pause}. */
  run(perSecond: number): void;
  /** Resolves when nothing is under way any more. */
  pause(): Promise<void>;
  stop(): Promise<void>;
}

const tickMs = 20;
const confirmationMs = 2000;
const maxInFlight = 512;

/** Connects; survives every loss of the connection. */
export async function startProducer(options: ProducerOptions): Promise<Producer> {
  const connection = await connect({
    servers: options.natsUrl,
    name: 'producer',
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 50,
  });
  return new JetStreamProducer(connection, options);
}

class JetStreamProducer implements Producer {
  readonly accepted = new Map<string, number>();
  readonly unknown = new Set<string>();
  readonly #connection: NatsConnection;
  readonly #client: JetStreamClient;
  readonly #options: ProducerOptions;
  readonly #inFlight = new Set<Promise<void>>();
  #published = 0;
  #running: Promise<void> | undefined;
  #paused = false;

  constructor(connection: NatsConnection, options: ProducerOptions) {
    this.#connection = connection;
    this.#client = jetstream(connection);
    this.#options = options;
  }

  async burst(count: number): Promise<void> {
    for (let published = 0; published < count; published += 1) await this.#begin();
    await Promise.all(this.#inFlight);
  }

  run(perSecond: number): void {
    if (this.#running !== undefined) throw new Error('The producer runs already');
    this.#paused = false;
    this.#running = this.#flow(perSecond);
  }

  async pause(): Promise<void> {
    this.#paused = true;
    await this.#running;
    this.#running = undefined;
    await Promise.all(this.#inFlight);
  }

  async stop(): Promise<void> {
    await this.pause();
    await this.#connection.close();
  }

  async #flow(perSecond: number): Promise<void> {
    const startedAt = performance.now();
    let published = 0;
    while (!this.#paused) {
      const due = ((performance.now() - startedAt) / 1000) * perSecond;
      // Without a server this stands still, and goes on at the same rate later: nobody catches up.
      for (; published < due && !this.#paused; published += 1) await this.#begin();
      await delay(tickMs);
    }
  }

  async #begin(): Promise<void> {
    if (this.#inFlight.size >= maxInFlight) await Promise.race(this.#inFlight);
    const task = this.#publish(this.#published).finally(() => this.#inFlight.delete(task));
    this.#published += 1;
    this.#inFlight.add(task);
  }

  async #publish(number: number): Promise<void> {
    const { sources, types = ['item.created'] } = this.#options;
    const id = `event-${number}`;
    const source = sources[number % sources.length] ?? '';
    const type = types[Math.floor(number / sources.length) % types.length] ?? '';
    const data = JSON.stringify({ number, id, publishedAt: Date.now(), data: { columnId: 'status' } });
    try {
      const ack = await this.#client.publish(`events.${source}.${type}`, data, { msgID: id, timeout: confirmationMs });
      this.accepted.set(id, ack.seq);
    } catch {
      this.unknown.add(id);
    }
  }
}
