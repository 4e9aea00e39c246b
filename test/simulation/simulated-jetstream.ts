import {
  BrokerError,
  type ConsumerSpec,
  type ConsumerState,
  type PublishAck,
  type PublishOptions,
  type StreamState,
} from '../../src/jetstream/broker.ts';
import { streamTable, type StreamTableOptions } from '../../src/jetstream/stream-table.ts';
import type { SeededRandom } from './seeded-random.ts';
import { SimulatedConsumer } from './simulated-consumer.ts';
import { SimulatedStream, type SimulatedMessage } from './simulated-stream.ts';
import { epochStart, type VirtualTime } from './virtual-clock.ts';

/** A schedule fires this late, at most. Measured: 50–250 ms. */
const lateness = { from: 1, to: 250 } as const;
/**
 * From the moment in which the server picks a schedule up to the one in which it stores the due copy and, in the same step,
 * purges the schedule's subject: what is confirmed in between vanishes, and an earlier copy comes.
 */
const firingGapMs = 300;

/** The server: streams, consumers and schedules on the virtual time. Every method acts at once; delays are the broker's. */
export class SimulatedJetStream {
  readonly time: VirtualTime;
  readonly streams = new Map<string, SimulatedStream>();
  readonly consumers = new Map<string, SimulatedConsumer>();
  /** Called after every message that was stored. */
  onStored: (stream: string, message: SimulatedMessage) => void = () => undefined;
  /** Called after every ack, with the name of the process that had the message. */
  onAcked: (stream: string, sequence: number, client: string) => void = () => undefined;
  readonly #random: SeededRandom;
  #available = true;

  constructor(time: VirtualTime, random: SeededRandom, options: StreamTableOptions) {
    this.time = time;
    this.#random = random;
    for (const config of streamTable(options)) this.streams.set(config.name, new SimulatedStream(config, time.now));
  }

  get available(): boolean {
    return this.#available;
  }

  setAvailable(available: boolean): void {
    this.#available = available;
    if (available) this.pump();
  }

  /** A client asks again after a silence. */
  pump(): void {
    for (const consumer of this.consumers.values()) consumer.pump();
  }

  stream(name: string): SimulatedStream {
    const stream = this.streams.get(name);
    if (stream === undefined) throw new BrokerError('StreamNotFound', `stream not found: ${name}`);
    return stream;
  }

  consumer(stream: string, durable: string): SimulatedConsumer {
    this.stream(stream);
    const consumer = this.consumers.get(`${stream}/${durable}`);
    if (consumer === undefined) throw new BrokerError('ConsumerNotFound', `consumer not found: ${durable}`);
    return consumer;
  }

  publish(subject: string, data: Uint8Array, options: PublishOptions = {}): PublishAck {
    for (const [name, stream] of this.streams) {
      if (!stream.accepts(subject)) continue;
      const { message, sequence } = stream.append(subject, data, options, this.time.now);
      if (message === undefined) return { stream: name, sequence, duplicate: true };
      if (options.schedule !== undefined) this.#schedule(stream, message, options.schedule);
      this.#stored(name, message);
      return { stream: name, sequence, duplicate: false };
    }
    throw new BrokerError('Unavailable', `no responders: ${subject}`);
  }

  #stored(name: string, message: SimulatedMessage): void {
    this.onStored(name, message);
    for (const consumer of this.consumers.values()) {
      if (consumer.stream.config.name === name) consumer.pump();
    }
  }

  #schedule(
    stream: SimulatedStream,
    message: SimulatedMessage,
    schedule: { readonly at: number; readonly target: string },
  ): void {
    const delay = Math.max(0, schedule.at - epochStart - this.time.now);
    const fire = (): void => {
      if (stream.messages.get(message.sequence) === undefined) return;
      if (!this.#available) {
        this.time.after(300, fire);
        return;
      }
      const gap = this.#random.chance(0.5) ? 0 : this.#random.between(0, firingGapMs);
      this.time.after(gap, () => this.#fire(stream, message, schedule.target));
    };
    this.time.after(delay + this.#random.between(lateness.from, lateness.to), fire);
  }

  // One step of the server: the due copy is stored and whatever stands on the schedule's subject is gone.
  #fire(stream: SimulatedStream, message: SimulatedMessage, target: string): void {
    const headers = { ...message.headers, 'Nats-Scheduler': message.subject };
    const fired = stream.append(target, message.data, { headers }, this.time.now);
    stream.purge(message.subject, undefined, this.time.now);
    if (fired.message !== undefined) this.#stored(stream.config.name, fired.message);
  }

  purge(name: string, filter: string, beforeSequence?: number): { readonly purged: number } {
    const purged = this.stream(name).purge(filter, beforeSequence, this.time.now);
    for (const consumer of this.consumers.values()) {
      if (consumer.stream.config.name === name) consumer.dropPurged();
    }
    return { purged };
  }

  streamState(name: string, subjectsFilter?: string): StreamState {
    const stream = this.stream(name);
    return {
      name,
      created: stream.created,
      messages: stream.messages.size,
      bytes: 0,
      firstSequence: stream.firstSequence,
      lastSequence: stream.lastSequence,
      maxBytes: stream.config.max_bytes,
      metadata: stream.config.metadata,
      ...(subjectsFilter === undefined ? {} : { subjects: stream.subjects(subjectsFilter) }),
    };
  }

  ensureConsumer(spec: ConsumerSpec): ConsumerState {
    const stream = this.stream(spec.stream);
    const id = `${spec.stream}/${spec.durable}`;
    const existing = this.consumers.get(id);
    if (existing !== undefined) {
      existing.update(spec);
      return existing.state();
    }
    const consumer = new SimulatedConsumer({
      spec,
      stream,
      time: this.time,
      random: this.#random.fork(),
      isAvailable: () => this.#available,
      onAcked: (...acked) => this.onAcked(...acked),
    });
    this.consumers.set(id, consumer);
    return consumer.state();
  }

  deleteConsumer(stream: string, durable: string): void {
    this.consumer(stream, durable).destroy();
    this.consumers.delete(`${stream}/${durable}`);
  }

  listConsumers(stream: string): string[] {
    const prefix = `${this.stream(stream).config.name}/`;
    return [...this.consumers.keys()].filter((id) => id.startsWith(prefix)).map((id) => id.slice(prefix.length));
  }
}
