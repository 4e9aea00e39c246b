import {
  BrokerError,
  type Broker,
  type ConsumedMessage,
  type ConsumerSpec,
  type ConsumerState,
  type PublishAck,
  type PublishOptions,
  type StoredMessage,
  type StreamState,
  type Subscription,
} from '../../src/jetstream/broker.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedJetStream } from './simulated-jetstream.ts';
import { storedMessage, type SimulatedMessage } from './simulated-stream.ts';
import { SimulatedSubscription } from './simulated-subscription.ts';
import type { SimulatedProcess } from './virtual-clock.ts';

/** How a client's connection misbehaves; probabilities per operation. */
export interface NetworkFaults {
  /** The request never arrives. */
  readonly lostRequest: number;
  /** It is done, and its confirmation never comes. */
  readonly lostConfirmation: number;
  readonly lostAck: number;
  /** A read by direct get is answered by a follower that lags. */
  readonly laggingRead: number;
}

export const noNetworkFaults: NetworkFaults = { lostRequest: 0, lostConfirmation: 0, lostAck: 0, laggingRead: 0 };

const requestTimeoutMs = 5000;
const maxLagMs = 500;

export interface SimulatedBrokerOptions {
  readonly server: SimulatedJetStream;
  readonly process: SimulatedProcess;
  readonly random: SeededRandom;
  /** Asked for each operation, so that faults can end. */
  readonly faults?: () => NetworkFaults;
  /** Called for each confirmation that was lost. */
  readonly onFault?: () => void;
  /** Called when a publish arrives at the server. */
  readonly onArrival?: (subject: string, options: PublishOptions) => void;
}

/** One client of the simulated server: delays, order per connection, lost requests and confirmations. */
export class SimulatedBroker implements Broker {
  readonly maxPayload = 1_048_576;
  readonly #options: SimulatedBrokerOptions;
  /** When the last publish of this connection arrives: one does not overtake another. */
  #lastArrival = 0;

  constructor(options: SimulatedBrokerOptions) {
    this.#options = options;
  }

  clockOffsetMs(): number {
    return -this.#options.process.skewMs;
  }

  publish(subject: string, data: Uint8Array, options: PublishOptions = {}): Promise<PublishAck> {
    const { server, onArrival } = this.#options;
    return this.#request(
      `Publish to ${subject}`,
      () => {
        onArrival?.(subject, options);
        return server.publish(subject, data, options);
      },
      true,
    );
  }

  purge(stream: string, filter: string, beforeSequence?: number): Promise<{ readonly purged: number }> {
    const { server } = this.#options;
    return this.#request(`Purge ${filter}`, () => server.purge(stream, filter, beforeSequence));
  }

  directGet(stream: string, subject: string, fromSequence: number, limit: number): Promise<StoredMessage[]> {
    const { server, random } = this.#options;
    const lagMs = random.chance(this.#faults().laggingRead) ? random.between(0, maxLagMs) : 0;
    return this.#request(`Read ${subject}`, () =>
      server.stream(stream).read(subject, fromSequence, limit, server.time.now, lagMs).map(storedMessage),
    );
  }

  getMessage(stream: string, sequence: number): Promise<StoredMessage | undefined> {
    const { server } = this.#options;
    return this.#request(`Get ${sequence}`, () => found(server.stream(stream).messages.get(sequence)));
  }

  getLast(stream: string, subject: string): Promise<StoredMessage | undefined> {
    const { server } = this.#options;
    return this.#request(`Get the last of ${subject}`, () => {
      const store = server.stream(stream);
      return found(store.messages.get(store.lastOf(subject)));
    });
  }

  streamState(stream: string, subjectsFilter?: string): Promise<StreamState> {
    const { server } = this.#options;
    return this.#request(`Look at ${stream}`, () => server.streamState(stream, subjectsFilter));
  }

  ensureConsumer(spec: ConsumerSpec): Promise<ConsumerState> {
    const { server } = this.#options;
    return this.#request(`Make ${spec.durable}`, () => server.ensureConsumer(spec));
  }

  consumerState(stream: string, durable: string): Promise<ConsumerState> {
    const { server } = this.#options;
    return this.#request(`Look at ${durable}`, () => server.consumer(stream, durable).state());
  }

  deleteConsumer(stream: string, durable: string): Promise<void> {
    const { server } = this.#options;
    return this.#request(`Delete ${durable}`, () => server.deleteConsumer(stream, durable));
  }

  listConsumers(stream: string): Promise<string[]> {
    const { server } = this.#options;
    return this.#request(`List consumers of ${stream}`, () => server.listConsumers(stream));
  }

  unpin(stream: string, durable: string): Promise<void> {
    const { server } = this.#options;
    return this.#request(`Unpin ${durable}`, () => server.consumer(stream, durable).unpin());
  }

  async consume(
    stream: string,
    durable: string,
    options: { readonly maxMessages: number; readonly pinnedGroup?: string },
    onMessage: (message: ConsumedMessage) => void,
  ): Promise<Subscription> {
    const { server, process, random } = this.#options;
    const consumer = await this.#request(`Pull from ${durable}`, () => server.consumer(stream, durable));
    const subscription = new SimulatedSubscription({
      server,
      consumer,
      process,
      random: random.fork(),
      maxMessages: options.maxMessages,
      group: options.pinnedGroup,
      lostAck: () => this.#faults().lostAck,
      onMessage,
    });
    server.time.after(delay(random), () => consumer.subscribe(subscription));
    return subscription;
  }

  #faults(): NetworkFaults {
    return this.#options.faults?.() ?? noNetworkFaults;
  }

  #request<T>(doing: string, operation: () => T, inOrder = false): Promise<T> {
    const { server, process, random } = this.#options;
    const { time } = server;
    const faults = this.#faults();
    const lost = random.chance(faults.lostRequest);
    const confirmationLost = random.chance(faults.lostConfirmation);
    let arrival = time.now + process.transit(delay(random));
    if (inOrder) {
      arrival = Math.max(arrival, this.#lastArrival);
      this.#lastArrival = arrival;
    }
    return new Promise<T>((resolve, reject) => {
      // Of a request that is under way for longer the client never knows more.
      const timer = time.after(requestTimeoutMs, () => {
        this.#options.onFault?.();
        process.run(() => reject(new BrokerError('Unavailable', `${doing}: timeout`)));
      });
      time.after(arrival - time.now, () => {
        if (lost || !server.available) {
          this.#options.onFault?.();
          return;
        }
        let answer: () => void;
        try {
          const value = operation();
          answer = () => resolve(value);
        } catch (error) {
          answer = () => reject(error);
        }
        if (confirmationLost) {
          this.#options.onFault?.();
          return;
        }
        time.after(process.transit(delay(random)), () => {
          time.cancel(timer);
          process.run(answer);
        });
      });
    });
  }
}

function delay(random: SeededRandom): number {
  return random.chance(0.03) ? random.between(5, 80) : random.between(0.2, 3);
}

function found(message: SimulatedMessage | undefined): StoredMessage | undefined {
  return message === undefined ? undefined : storedMessage(message);
}
