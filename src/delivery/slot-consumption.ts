import { sleep, type Clock } from '../clock.ts';
import {
  BrokerError,
  type Broker,
  type ConsumedMessage,
  type ConsumerSpec,
  type StreamState,
  type Subscription,
} from '../jetstream/broker.ts';
import { slotConsumerSpecs, startSequenceOf, takeOver } from '../jetstream/slot-consumers.ts';
import type { SlotFloor, StateStore } from '../jetstream/state-store.ts';
import type { StreamNames } from '../jetstream/subjects.ts';
import type { Logger } from '../logger.ts';
import { streamIdentityOf } from './event-identity.ts';
import { engineLimits } from './lane-services.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { RetryCapacity } from './retry-capacity.ts';
import type { SlotClaim } from './slot-claim.ts';
import type { SlotIntake } from './slot-intake.ts';
import type { SlotMetrics } from './slot.ts';
import type { Owed } from './webhook-state.ts';

const pollIntervalMs = 1000;
/** The floor is stored, and the stream's first sequence looked at, with every so-many-th poll. */
const floorEvery = 5;
const restartDelayMs = 1000;

export interface SlotConsumersOptions {
  readonly slot: number;
  readonly partition: number;
  readonly broker: Broker;
  readonly names: StreamNames;
  readonly state: StateStore;
  readonly clock: Clock;
  readonly claim: SlotClaim;
  readonly intake: SlotIntake;
  readonly memory: MemoryBudget;
  readonly logger: Logger;
  readonly retryCapacity: RetryCapacity;
  readonly metrics: SlotMetrics;
  /** Whether anybody wants the slot's events, in order or not. */
  readonly hasWebhooks: () => boolean;
}

/**
 * Keeps the two consumers of a slot pulling: taken over for this generation, made anew from the floor when they vanish,
 * paused while memory or a stream is full.
 */
export class SlotConsumers {
  readonly #options: SlotConsumersOptions;
  /** With the stream that each reads. */
  readonly #subscriptions = new Map<Subscription, string>();
  readonly #endMemory: () => void;
  /** Creation time of EVENTS as the server gives it. */
  #created = '';
  #floor = 0;
  #floorRevision = 0;
  #storedFloor = -1;
  /** Events that the last look found waiting; undefined before the first one. */
  #pending: number | undefined;
  #polls = 0;
  /** Up to here every event is settled or counted as lost. Not the consumer's own floor: that jumps when events leave. */
  #accountedThrough = 0;
  /** Streams that refuse writes now. */
  #pressure = 0;
  #intakeFull = false;
  #stopped = false;

  constructor(options: SlotConsumersOptions) {
    this.#options = options;
    this.#endMemory = options.memory.onChange(() => this.#updatePulling());
  }

  /** First part of the delivery keys of EVENTS. */
  get streamIdentity(): string {
    return streamIdentityOf(this.#created);
  }

  /** The end of EVENTS now: what is stored later comes after it. Throws `BrokerError`. */
  async position(): Promise<Owed> {
    const { broker, names } = this.#options;
    const state = await broker.streamState(names.events);
    return { stream: streamIdentityOf(state.created), sequence: state.lastSequence };
  }

  /** Makes both consumers this generation's. Throws `BrokerError`. */
  async prepare(): Promise<void> {
    const { broker, names, slot, state } = this.#options;
    const floor = await state.readFloor(slot);
    this.#floorRevision = floor?.revision ?? 0;
    this.#setStream(await broker.streamState(names.events), floor?.value);
    const { events, retries } = this.#specs();
    const taken = await takeOver(broker, events);
    this.#floor = Math.max(this.#floor, taken.ackFloor);
    await takeOver(broker, retries);
  }

  #setStream({ created, firstSequence, lastSequence }: StreamState, floor: SlotFloor | undefined): void {
    if (created !== this.#created) {
      const isKnown = floor?.created === created;
      this.#created = created;
      this.#floor = startSequenceOf(floor, created) - 1;
      this.#storedFloor = -1;
      // What left a stream before anybody read it is nobody's loss.
      this.#accountedThrough = isKnown ? this.#floor : firstSequence - 1;
    }
    this.#options.intake.setStream(this.streamIdentity, lastSequence);
  }

  #specs(): { readonly events: ConsumerSpec; readonly retries: ConsumerSpec } {
    const { names, slot, partition, claim } = this.#options;
    const { generation } = claim;
    return slotConsumerSpecs({ names, slot, partition, generation, startSequence: this.#floor + 1 });
  }

  async start(): Promise<void> {
    const { intake } = this.#options;
    const { events, retries } = this.#specs();
    await Promise.all([this.#subscribe(events, intake.onEvent), this.#subscribe(retries, intake.onRetry)]);
    this.#poll();
  }

  async #subscribe(spec: ConsumerSpec, onMessage: (message: ConsumedMessage) => void): Promise<void> {
    const { broker } = this.#options;
    const subscription = await broker.consume(
      spec.stream,
      spec.durable,
      {
        maxMessages: engineLimits.pullWindow,
        ...(spec.pinnedGroup === undefined ? {} : { pinnedGroup: spec.pinnedGroup }),
      },
      onMessage,
    );
    if (this.#stopped) {
      await subscription.stop();
      return;
    }
    this.#subscriptions.set(subscription, spec.stream);
    this.#updatePulling();
    void subscription.closed.then((end) => {
      this.#subscriptions.delete(subscription);
      if (end.reason === 'Stopped' || this.#stopped) return;
      this.#options.logger.info('A consumer of the slot ended', {
        durable: spec.durable,
        reason: end.reason,
        ...(end.reason === 'Failed' ? { error: end.error } : {}),
      });
      void this.#restart(spec.stream, onMessage);
    });
  }

  /** Makes a consumer that ended work again, however long that takes, unless the slot is another's. */
  async #restart(stream: string, onMessage: (message: ConsumedMessage) => void): Promise<void> {
    const { broker, claim, clock, logger, names } = this.#options;
    while (!this.#stopped) {
      await claim.confirm();
      if (this.#stopped || claim.isLost) return;
      try {
        if (claim.isHeld()) {
          if (stream === names.events) this.#setStream(await broker.streamState(stream), undefined);
          const specs = this.#specs();
          const spec = stream === names.events ? specs.events : specs.retries;
          await broker.ensureConsumer(spec);
          await this.#subscribe(spec, onMessage);
          return;
        }
      } catch (error) {
        logger.error('Could not make a consumer of the slot work again; trying on', { stream, error });
      }
      await sleep(clock, restartDelayMs);
    }
  }

  #poll(): void {
    const { clock } = this.#options;
    clock.setTimer(() => {
      if (this.#stopped) return;
      void this.#look().finally(() => this.#poll());
    }, pollIntervalMs);
  }

  async #look(): Promise<void> {
    const { broker, claim, intake, logger, metrics, names, slot } = this.#options;
    if (!claim.isHeld()) return;
    try {
      const spec = this.#specs().events;
      const stream = this.#created;
      const isFull = this.#polls++ % floorEvery === 0;
      // Before the consumer: if that has nothing left then, everything up to here is settled.
      const events = isFull ? await broker.streamState(names.events) : undefined;
      const { ackFloor, ackPending, pending } = await broker.consumerState(spec.stream, spec.durable);
      // In a stream that was made anew meanwhile the sequence would name events that nobody has seen.
      if (stream !== this.#created || (events !== undefined && events.created !== stream)) return;
      this.#floor = Math.max(this.#floor, ackFloor);
      if (events !== undefined) {
        this.#countLost(events.firstSequence);
        // An idle partition's floor keeps up with the stream, so that a gap below the first sequence means a loss.
        if (pending + ackPending === 0) this.#floor = Math.max(this.#floor, events.lastSequence);
        this.#accountedThrough = Math.max(this.#floor, events.firstSequence - 1);
        await this.#storeFloor();
        this.#options.retryCapacity.observe(await broker.streamState(names.retries));
      }
      intake.confirm(this.#floor);
      this.#pending = pending;
      metrics.lag(slot, pending);
    } catch (error) {
      if (error instanceof BrokerError && error.kind === 'Unavailable') return;
      logger.debug('Could not look at the consumer of a slot', { error });
    }
  }

  /**
   * Events that left EVENTS before this slot read them: at most those that it was behind by, as far as that is known. After
   * a time in which nobody looked it is not: then all that is gone counts, also what was another partition's.
   */
  #countLost(firstSequence: number): void {
    const gone = firstSequence - 1 - this.#accountedThrough;
    if (gone <= 0) return;
    const lost = Math.min(gone, this.#pending ?? gone);
    if (lost === 0 || !this.#options.hasWebhooks()) return;
    this.#options.metrics.lost(this.#options.slot, lost);
    this.#options.logger.error('Events left the stream before they were read', {
      lost,
      firstSequence,
      floor: this.#floor,
    });
  }

  async #storeFloor(): Promise<void> {
    if (this.#floor === this.#storedFloor) return;
    const { slot, state } = this.#options;
    const floor = this.#floor;
    try {
      this.#floorRevision = await state.writeFloor(
        slot,
        { created: this.#created, sequence: floor },
        this.#floorRevision,
      );
      this.#storedFloor = floor;
    } catch (error) {
      if (!(error instanceof BrokerError) || error.kind !== 'WrongLastSequence') throw error;
      this.#floorRevision = (await state.readFloor(slot))?.revision ?? 0;
    }
  }

  /** A stream began (+1) or ceased (−1) to refuse writes. */
  pressure(change: 1 | -1): void {
    this.#pressure += change;
    this.#updatePulling();
  }

  /** More events are in hand than should be, or few enough again. */
  intakeFull(full: boolean): void {
    this.#intakeFull = full;
    this.#updatePulling();
  }

  #updatePulling(): void {
    const { memory, names } = this.#options;
    const paused = this.#pressure > 0 || memory.paused;
    for (const [subscription, stream] of this.#subscriptions) {
      if (paused || (this.#intakeFull && stream === names.events)) subscription.pause();
      else subscription.resume();
    }
  }

  /** Pulls nothing more; resolves when no message arrives any more. */
  async pause(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#subscriptions.keys()].map((subscription) => subscription.stop()));
  }

  /** Stores how far the slot came. Best effort: an older floor only costs repeats. */
  async finish(): Promise<void> {
    const { broker, logger } = this.#options;
    try {
      const spec = this.#specs().events;
      this.#floor = Math.max(this.#floor, (await broker.consumerState(spec.stream, spec.durable)).ackFloor);
      await this.#storeFloor();
    } catch (error) {
      logger.debug('Could not store the floor of a slot', { error });
    }
  }

  async stop(): Promise<void> {
    this.#endMemory();
    await this.pause();
  }
}
