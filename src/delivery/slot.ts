import { sleep, type Clock, type Timer } from '../clock.ts';
import type { Broker } from '../jetstream/broker.ts';
import type { Versioned } from '../jetstream/state-store.ts';
import type { StreamNames } from '../jetstream/subjects.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { AckCollector } from './ack-collector.ts';
import { ConfirmedWrites } from './confirmed-write.ts';
import type { EngineStores } from './engine-stores.ts';
import type { LaneMetrics, LaneServices } from './lane-services.ts';
import { longestAttemptMs } from './longest-attempt.ts';
import { OrderedLane } from './ordered-lane.ts';
import { ParallelLane } from './parallel-lane.ts';
import { ClaimLostError, SlotClaim } from './slot-claim.ts';
import { SlotConsumers } from './slot-consumption.ts';
import { SlotIntake } from './slot-intake.ts';
import { parseWebhookState, StateKeeper } from './state-keeper.ts';
import type { WebhookConfig } from './webhook-config.ts';
import type { FoundCounts, LaneOptions, WebhookLane } from './webhook-lane.ts';
import { initialState, isOrdered, type Verification, type WebhookState } from './webhook-state.ts';

/** How long a new owner waits after it raised the generation: longer than a stale owner works without reading its claim. */
const takeoverWaitMs = 5000;
const sweepIntervalMs = 250;
/** Counts of failures are stored at most this late. */
const flushIntervalMs = 1000;
/** Last successes, which nothing depends on, are stored this often. */
const lazyFlushEvery = 30;
/** How often backlogs and retries are counted again. */
const recountIntervalMs = 300_000;
const rewriteConcurrency = 64;

export interface SlotOptions {
  readonly slot: number;
  readonly partition: number;
  readonly member: string;
  readonly broker: Broker;
  readonly names: StreamNames;
  readonly stores: EngineStores;
  readonly clock: Clock;
  readonly acks: AckCollector;
  readonly logger: Logger;
  /** Services that all slots of the process share. */
  readonly shared: Omit<LaneServices, 'slot' | 'claim' | 'writes' | 'logger'>;
  readonly laneMetrics: (config: WebhookConfig) => LaneMetrics;
  readonly slotMetrics: SlotMetrics;
}

/** Gauges of one slot. */
export interface SlotMetrics {
  lag(slot: number, events: number): void;
  lost(slot: number, events: number): void;
  /** The slot is no longer ours. */
  remove(slot: number): void;
}

/**
 * One slot that this process owns: its claim, its consumers and its lanes. From `start` to `release` (by will) or `ended`
 * (another owner took it).
 */
export class Slot {
  readonly slot: number;
  readonly claim: SlotClaim;
  readonly #options: SlotOptions;
  readonly #services: LaneServices;
  readonly #lanes = new Map<string, WebhookLane>();
  readonly #intake: SlotIntake;
  readonly #consumers: SlotConsumers;
  readonly #endMemory: () => void;
  #states = new Map<string, Versioned<WebhookState>>();
  /** Ordered lanes begin when no attempt of a former owner can be under way any more. */
  #orderedFrom: Promise<void> = Promise.resolve();
  /** Whether that time has come. */
  #orderedMayWork = true;
  #timers: Timer[] = [];
  #wasHeld = true;
  #flushes = 0;
  #running = false;
  #ended = false;

  constructor(options: SlotOptions) {
    this.#options = options;
    this.slot = options.slot;
    const { slot, member, clock, broker, names, stores, acks } = options;
    const { memory } = options.shared;
    const logger = options.logger.child({ slot });
    this.claim = new SlotClaim({ slot, member, store: stores.state, clock, logger });
    const pressure = { refused: () => this.#consumers.pressure(1), accepted: () => this.#consumers.pressure(-1) };
    const writes = new ConfirmedWrites({ clock, claim: this.claim, logger, pressure });
    this.#services = { ...options.shared, slot, claim: this.claim, writes, logger };
    this.#intake = new SlotIntake({
      slot,
      clock,
      acks,
      memory,
      writes,
      retries: stores.retries,
      logger,
      lane: (uid) => this.#lanes.get(uid),
      onFull: (full) => this.#consumers.intakeFull(full),
    });
    this.#consumers = new SlotConsumers({
      slot,
      partition: options.partition,
      broker,
      names,
      state: stores.state,
      clock,
      claim: this.claim,
      intake: this.#intake,
      memory,
      logger,
      retryCapacity: options.shared.retryCapacity,
      metrics: options.slotMetrics,
      hasWebhooks: () => this.#lanes.size > 0,
    });
    this.#endMemory = memory.onChange((paused) => {
      // Backlogs are read on.
      if (!paused) for (const lane of this.#lanes.values()) lane.pump();
    });
    void this.claim.lost.then(() => this.#stop());
  }

  /** Resolves when this process no longer owns the slot. */
  get ended(): Promise<void> {
    return this.claim.lost;
  }

  get isRunning(): boolean {
    return this.#running;
  }

  get laneCount(): number {
    return this.#lanes.size;
  }

  lane(uid: string): WebhookLane | undefined {
    return this.#lanes.get(uid);
  }

  lanes(): IterableIterator<WebhookLane> {
    return this.#lanes.values();
  }

  /**
   * Takes the slot over and works it. `loadConfigs` is called after the claim was taken and must answer from a consistent
   * LIST that began after the call: a Webhook that is missing there gets no events. Throws `BrokerError`, or whatever
   * `loadConfigs` throws; the slot has ended then.
   */
  async start(loadConfigs: () => Promise<readonly WebhookConfig[]>): Promise<void> {
    try {
      const { clean, generation } = await this.claim.take();
      const { clock, logger } = this.#options;
      logger.info('Took a slot', { slot: this.slot, generation, clean });
      const takenAt = clock.monotonic();
      if (!clean) await sleep(clock, takeoverWaitMs);
      await this.claim.held();
      await this.#rewriteStates();
      await this.#consumers.prepare();
      const configs = await loadConfigs();
      const found = await this.#count();
      if (!clean) this.#orderedFrom = this.#orderedWait(configs, takenAt);
      await Promise.all(configs.map((config) => this.#add(config, found)));
      await this.claim.held();
      await this.#consumers.start();
      if (this.claim.isLost) throw new ClaimLostError(`Slot ${this.slot} was lost while it was taken`);
      this.#running = true;
      this.#timers = [
        this.#every(sweepIntervalMs, () => this.#sweep()),
        this.#every(flushIntervalMs, () => void this.#flush()),
        this.#every(recountIntervalMs, () => void this.#recount()),
      ];
      for (const lane of this.#lanes.values()) lane.pump();
    } catch (error) {
      this.claim.abandon();
      throw error;
    }
  }

  async #orderedWait(configs: readonly WebhookConfig[], takenAt: number): Promise<void> {
    const { clock } = this.#options;
    const longest = Math.max(
      0,
      ...configs.map((config) =>
        isOrdered(this.#states.get(config.uid)?.value, config) ? longestAttemptMs(config.delivery) : 0,
      ),
    );
    if (longest === 0) return;
    this.#orderedMayWork = false;
    await sleep(clock, takenAt + takeoverWaitMs + longest - clock.monotonic());
    this.#orderedMayWork = true;
  }

  /** Reads every record of the slot and writes it again: a stale owner's next compare-and-set is refused. */
  async #rewriteStates(): Promise<void> {
    const { state: store } = this.#options.stores;
    const { values, corrupt } = await store.list(this.slot);
    for (const uid of corrupt) {
      this.#options.logger.error('Ignored a record in STATE that is not JSON', { slot: this.slot, uid });
    }
    const queue = values.entries();
    const rewriteAll = async (): Promise<void> => {
      for (const [uid, found] of queue) {
        const revision = await store.put(this.slot, uid, found.value, found.revision);
        const state = parseWebhookState({ value: found.value, revision });
        if (state !== undefined) this.#states.set(uid, state);
      }
    };
    await Promise.all(Array.from({ length: Math.min(rewriteConcurrency, values.size) }, rewriteAll));
  }

  async #count(): Promise<FoundByUID> {
    const { retries, backlog, deadLetters } = this.#options.stores;
    const [retrying, backlogged, dead] = await Promise.all([
      retries.countWaiting(this.slot),
      backlog.nonEmpty(this.slot),
      deadLetters.nonEmpty(this.slot),
    ]);
    return (uid) => ({
      retrying: retrying.get(uid) ?? 0,
      backlog: backlogged.get(uid) ?? 0,
      deadLettered: dead.get(uid) ?? 0,
    });
  }

  /** A Webhook is new or has changed. Resolves when what follows from it for STATE is stored. */
  async upsert(config: WebhookConfig): Promise<void> {
    const lane = this.#lanes.get(config.uid);
    if (lane === undefined) {
      await this.#add(config, () => ({ retrying: 0, backlog: 0, deadLettered: 0 }));
      return;
    }
    const patternsChanged = lane.config.patterns !== config.patterns;
    const applied = lane.apply(config);
    if (patternsChanged && lane instanceof ParallelLane) this.#intake.setPatterns(lane);
    await applied;
  }

  async #add(config: WebhookConfig, found: FoundByUID): Promise<void> {
    const { uid } = config;
    const known = this.#states.get(uid);
    this.#states.delete(uid);
    const { slot, stores, laneMetrics } = this.#options;
    const keeper = new StateKeeper({
      store: stores.state,
      writes: this.#services.writes,
      slot,
      uid,
      state: known?.value ?? initialState(config),
      revision: known?.revision ?? 0,
    });
    const options: LaneOptions = {
      config,
      keeper,
      services: this.#services,
      metrics: laneMetrics(config),
      found: found(uid),
    };
    // As it was when the webhook was first seen: its events lie where that says.
    if (isOrdered(keeper.state, config)) {
      const lane = new OrderedLane(options, {
        broker: this.#options.broker,
        names: this.#options.names,
        partition: this.#options.partition,
        acks: this.#options.acks,
        streamIdentity: () => this.#consumers.streamIdentity,
        from: this.#orderedFrom,
      });
      this.#lanes.set(uid, lane);
      await lane.apply(config);
      return;
    }
    const lane = new ParallelLane(options);
    this.#lanes.set(uid, lane);
    this.#intake.setPatterns(lane);
    await lane.apply(config);
  }

  /** The Webhook is gone: so is everything that belongs to it. */
  async remove(uid: string): Promise<void> {
    const lane = this.#lanes.get(uid);
    if (lane === undefined) return;
    this.#lanes.delete(uid);
    if (lane instanceof ParallelLane) this.#intake.remove(lane);
    lane.metrics.remove();
    this.#services.egress.forget(uid);
    await lane.remove();
  }

  /** The URL proved itself. Notes from which event on the webhook is owed events, before anybody is told. */
  async setVerified(uid: string, verification: Verification): Promise<void> {
    const lane = this.#lanes.get(uid);
    if (lane === undefined) return;
    lane.awaitOwed();
    const owed = lane.state.owed ?? (await this.#consumers.position());
    await lane.setVerified(verification, owed);
  }

  #every(intervalMs: number, task: () => void): Timer {
    const { clock } = this.#options;
    const index = this.#timers.length;
    const run = (): void => {
      if (this.#ended) return;
      task();
      this.#timers[index] = clock.setTimer(run, intervalMs);
    };
    return clock.setTimer(run, intervalMs);
  }

  #sweep(): void {
    const held = this.claim.isHeld();
    if (held) {
      const now = this.#options.clock.monotonic();
      for (const lane of this.#lanes.values()) {
        lane.sweep(now);
        // Nothing else tells a lane that the claim was confirmed again.
        if (!this.#wasHeld) lane.pump();
      }
    }
    this.#wasHeld = held;
  }

  async #flush(): Promise<void> {
    const all = this.#flushes++ % lazyFlushEvery === 0;
    const tasks: Promise<void>[] = [];
    for (const lane of this.#lanes.values()) {
      if (all || lane.isDirty) tasks.push(lane.flush());
    }
    await this.#settleAll(tasks);
  }

  async #recount(): Promise<void> {
    try {
      const marks = new Map([...this.#lanes].map(([uid, lane]) => [uid, lane.appendMark()]));
      const found = await this.#count();
      for (const [uid, lane] of this.#lanes) lane.recount(found(uid), marks.get(uid) ?? -1);
    } catch (error) {
      this.#options.logger.debug('Could not count what the streams hold', { slot: this.slot, error });
    }
  }

  /** Failures here mean that the slot is lost: its new owner goes on. */
  async #settleAll(tasks: Promise<void>[]): Promise<void> {
    for (const result of await Promise.allSettled(tasks)) {
      if (result.status === 'rejected' && !this.claim.isLost) {
        this.#options.logger.error('A task of a slot failed', { slot: this.slot, error: messageOf(result.reason) });
      }
    }
  }

  /**
   * Hands the slot over by will: pulls nothing more, settles what is in hand, stores counts and floor, releases the claim.
   * What is not settled after `graceMs` is left to `ack_wait` and the next owner.
   */
  async release(graceMs: number): Promise<void> {
    if (!this.#running) {
      this.claim.abandon();
      return;
    }
    const { clock, acks } = this.#options;
    await this.#consumers.pause();
    this.#intake.stop();
    const drained = this.#settleAll([...this.#lanes.values()].map((lane) => lane.drain()));
    const settled = await Promise.race([drained.then(() => true), sleep(clock, graceMs).then(() => false)]);
    await Promise.race([this.#settleAll([...this.#lanes.values()].map((lane) => lane.flush())), sleep(clock, 2000)]);
    acks.flush();
    await this.#consumers.finish();
    // An attempt of the owner before us may be under way still.
    await this.claim.release(!settled || !this.#orderedMayWork);
    this.#stop();
  }

  #stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#running = false;
    this.#endMemory();
    for (const timer of this.#timers) this.#options.clock.clearTimer(timer);
    for (const lane of this.#lanes.values()) {
      lane.stop();
      lane.metrics.remove();
    }
    this.#lanes.clear();
    this.#intake.abandon();
    this.#options.slotMetrics.remove(this.slot);
    void this.#consumers.stop();
  }
}

type FoundByUID = (uid: string) => FoundCounts;
