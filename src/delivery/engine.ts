import type { Clock } from '../clock.ts';
import type { Broker } from '../jetstream/broker.ts';
import { loadRecord } from '../jetstream/event-reference.ts';
import type { StreamNames } from '../jetstream/subjects.ts';
import type { Logger } from '../logger.ts';
import { AckCollector } from './ack-collector.ts';
import type { Sender } from './attempt.ts';
import { contentOf, recordOf, type EventContent } from './delivery.ts';
import { EgressGuard } from './egress-guard.ts';
import { engineStores, type EngineStores } from './engine-stores.ts';
import type { LaneListener, LaneMetrics } from './lane-services.ts';
import { MemoryBudget } from './memory-budget.ts';
import { partitionOf, shardOf, slotOf } from './partition.ts';
import { RequestBudget } from './request-budget.ts';
import { RetryCapacity } from './retry-capacity.ts';
import { Slot, type SlotMetrics } from './slot.ts';
import type { WebhookConfig } from './webhook-config.ts';
import type { WebhookLane } from './webhook-lane.ts';
import type { Verification } from './webhook-state.ts';

export interface EngineOptions {
  readonly broker: Broker;
  readonly names: StreamNames;
  readonly partitions: number;
  readonly shards: number;
  /** This process's name among the members; in claims. */
  readonly member: string;
  readonly sender: Sender;
  readonly clock: Clock;
  /** Uniform in [0, 1). Defaults to `Math.random`. */
  readonly random?: () => number;
  readonly newID: () => string;
  readonly logger: Logger;
  readonly listener: LaneListener;
  readonly laneMetrics: (config: WebhookConfig) => LaneMetrics;
  readonly slotMetrics: SlotMetrics;
  /** Requests in flight of all webhooks together. Defaults to 2048. */
  readonly maxInFlight?: number;
  /** Bytes of events in hand. Defaults to 256 MiB. */
  readonly maxBytes?: number;
}

/** The slots that this process works, and what they share. Decides nothing about who owns a slot. */
export class Engine {
  readonly stores: EngineStores;
  readonly #options: EngineOptions;
  readonly #slots = new Map<number, Slot>();
  readonly #acks: AckCollector;
  readonly #memory: MemoryBudget;
  readonly #budget: RequestBudget;
  readonly #egress: EgressGuard;
  readonly #retryCapacity = new RetryCapacity();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.stores = engineStores(options.broker, options.names);
    this.#acks = new AckCollector(options.clock);
    this.#memory = new MemoryBudget(options.maxBytes);
    this.#budget = new RequestBudget(options.maxInFlight);
    this.#egress = new EgressGuard(() => options.clock.monotonic());
  }

  get slotCount(): number {
    return this.#options.partitions * this.#options.shards;
  }

  /** The slot that a Webhook belongs to for ever. */
  slotOf(source: string, uid: string): number {
    const { partitions, shards } = this.#options;
    return slotOf(partitionOf(source, partitions), shardOf(uid, shards), shards);
  }

  /** Slots that are worked, or being taken over. */
  ownedSlots(): number[] {
    return [...this.#slots.keys()];
  }

  owns(slot: number): boolean {
    return this.#slots.get(slot)?.isRunning ?? false;
  }

  /** Bytes of events that this process works on. */
  get bytesInHand(): number {
    return this.#memory.used;
  }

  get inFlight(): number {
    return this.#budget.used;
  }

  /** Whether disabling by thresholds is paused, because an outage of our own way out is suspected. */
  get egressSuspected(): boolean {
    return this.#egress.suspected(this.#webhookCount());
  }

  /** The webhook's lane, when this process works its slot. */
  lane(uid: string): WebhookLane | undefined {
    for (const slot of this.#slots.values()) {
      const lane = slot.lane(uid);
      if (lane !== undefined) return lane;
    }
    return undefined;
  }

  *lanes(): IterableIterator<WebhookLane> {
    for (const slot of this.#slots.values()) yield* slot.lanes();
  }

  /**
   * Takes a slot over; see `Slot.start`. Does nothing when this process has it already. `onEnded` is called once if the slot
   * is lost later to another owner.
   */
  async acquire(
    slotNumber: number,
    loadConfigs: () => Promise<readonly WebhookConfig[]>,
    onEnded: () => void,
  ): Promise<void> {
    if (this.#slots.has(slotNumber)) return;
    const slot = this.#createSlot(slotNumber);
    this.#slots.set(slotNumber, slot);
    void slot.ended.then(() => {
      if (this.#slots.get(slotNumber) !== slot) return;
      this.#slots.delete(slotNumber);
      onEnded();
    });
    await slot.start(loadConfigs);
  }

  #createSlot(slotNumber: number): Slot {
    const { broker, names, clock, logger, member, shards, sender, newID, listener, laneMetrics, slotMetrics } =
      this.#options;
    return new Slot({
      slot: slotNumber,
      partition: Math.floor(slotNumber / shards),
      member,
      broker,
      names,
      stores: this.stores,
      clock,
      acks: this.#acks,
      logger,
      laneMetrics,
      slotMetrics,
      shared: {
        clock,
        random: this.#options.random ?? Math.random,
        newID,
        sender,
        retries: this.stores.retries,
        backlog: this.stores.backlog,
        deadLetters: this.stores.deadLetters,
        retryCapacity: this.#retryCapacity,
        budget: this.#budget,
        memory: this.#memory,
        egress: this.#egress,
        activeWebhooks: () => this.#webhookCount(),
        listener,
        loadContent: (content) => this.#loadContent(content),
      },
    });
  }

  async #loadContent(content: EventContent): Promise<EventContent | undefined> {
    const { broker, names } = this.#options;
    const loaded = await loadRecord(broker, names, recordOf(content, { attempt: 1 }));
    return loaded === undefined ? undefined : contentOf(loaded, content.source);
  }

  /** Hands a slot over by will. */
  async release(slotNumber: number, graceMs: number): Promise<void> {
    const slot = this.#slots.get(slotNumber);
    if (slot === undefined) return;
    await slot.release(graceMs);
    if (this.#slots.get(slotNumber) === slot) this.#slots.delete(slotNumber);
  }

  /** Hands everything over; for a graceful stop of the process. */
  async stop(graceMs: number): Promise<void> {
    await Promise.all(this.ownedSlots().map((slot) => this.release(slot, graceMs)));
  }

  /** A Webhook is new or has changed; ignored when its slot is another's. */
  async upsert(config: WebhookConfig): Promise<void> {
    const slot = this.#slots.get(this.slotOf(config.source, config.uid));
    if (slot?.isRunning) await slot.upsert(config);
  }

  /** The Webhook was deleted. */
  async remove(uid: string): Promise<void> {
    for (const slot of this.#slots.values()) {
      if (slot.lane(uid) !== undefined) await slot.remove(uid);
    }
  }

  /** The URL of a Webhook has proved itself. */
  async setVerified(uid: string, verification: Verification): Promise<void> {
    for (const slot of this.#slots.values()) {
      if (slot.lane(uid) !== undefined) await slot.setVerified(uid, verification);
    }
  }

  #webhookCount(): number {
    let count = 0;
    for (const slot of this.#slots.values()) count += slot.laneCount;
    return count;
  }
}
