import { sleep, type Clock } from '../clock.ts';
import { Engine, type EngineOptions } from '../delivery/engine.ts';
import { verify } from '../delivery/verification.ts';
import { messageOf } from '../errors.ts';
import type { KubeClient } from '../kubernetes/client.ts';
import { Controller, type ControllerObserver, type Reconcile } from '../kubernetes/controller.ts';
import type { EventRecorder } from '../kubernetes/event-recorder.ts';
import type { KubeObject, ResourceType } from '../kubernetes/kube-object.ts';
import type { Membership } from '../kubernetes/membership.ts';
import { SecretReader } from '../kubernetes/secret-reader.ts';
import { StatusWriter } from '../kubernetes/status-writer.ts';
import { WorkQueue, type WorkQueueObserver } from '../kubernetes/work-queue.ts';
import type { Logger } from '../logger.ts';
import { Announcer } from './announcer.ts';
import type { Catalog } from './catalog.ts';
import { classReconciler } from './class-reconciler.ts';
import { InstallDuties, type InstallDutiesOptions } from './install-duties.ts';
import { servesWebhooks } from './kind-proof.ts';
import { KnownWebhooks } from './known-webhooks.ts';
import { WEBHOOK_CLASSES, WEBHOOKS } from './resource-types.ts';
import { SlotManager } from './slot-manager.ts';
import { StatusPublisher, type StatusMetrics } from './status-publisher.ts';
import { StatusSchedule } from './status-schedule.ts';
import { StoredWebhooks } from './stored-webhooks.ts';
import { Sweeper } from './sweeper.ts';
import { connectTriggers } from './triggers.ts';
import { VerificationDriver } from './verification-driver.ts';
import { WebhookReconciler } from './webhook-reconciler.ts';

/** A Secret that changed is seen after the next visit to its webhooks: the reader only joins reads of one moment. */
const secretAgeMs = 5_000;
const webhookWorkers = 16;
const fieldManager = 'webhook-operator';
/** How long a stop waits for reconciles that are under way: one that writes to a NATS that is gone would take for ever. */
const reconcileGraceMs = 2_000;

/** Where the loops show how they are doing; `ops/Metrics` is one. */
export interface ControlMetrics {
  controller(name: string, workers: number): ControllerObserver;
  workQueue(name: string): WorkQueueObserver;
  observeQueue(name: string, queue: WorkQueue): void;
  webhook(webhook: {
    readonly uid: string;
    readonly namespace: string;
    readonly name: string;
  }): StatusMetrics & ReturnType<EngineOptions['laneMetrics']>;
  setSlotsOwned(count: number): void;
}

export interface ControlLoopsOptions {
  readonly engine: Omit<EngineOptions, 'listener' | 'laneMetrics' | 'member'>;
  readonly client: KubeClient;
  /** Synced. */
  readonly catalog: Catalog;
  readonly membership: Membership;
  readonly recorder: EventRecorder;
  readonly watchNamespaces: readonly string[] | undefined;
  /** Time for deliveries in flight when a slot is handed over to another member. */
  readonly releaseGraceMs: number;
  readonly duties: Pick<InstallDutiesOptions, 'ensureStreams' | 'streams' | 'onStream'>;
  readonly metrics: ControlMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Everything between the API server and the engine, put together. */
export class ControlLoops {
  readonly engine: Engine;
  readonly #slots: SlotManager;
  readonly #duties: InstallDuties;
  readonly #driver: VerificationDriver;
  readonly #schedule: StatusSchedule;
  readonly #writers: readonly StatusWriter[];
  readonly #controllers: readonly Controller[];
  readonly #announcer: Announcer;
  readonly #disconnect: () => void;
  readonly #clock: Clock;
  #stopping = false;

  constructor(options: ControlLoopsOptions) {
    const { catalog, client, clock, logger, membership, metrics, recorder } = options;
    const known = new KnownWebhooks();
    const publish = (uid: string): void => {
      try {
        publisher.publish(uid);
      } catch (error) {
        // A timer calls: thrown on, a defect that one Webhook brings out would end the process.
        logger.error('Status could not be computed', { uid, reason: messageOf(error), error });
      }
    };
    const schedule = new StatusSchedule({ publish, clock });
    const announcer = new Announcer({
      recorder,
      broker: options.engine.broker,
      clock,
      logger,
      webhookOf: (uid) => {
        const resolution = known.get(uid)?.resolution;
        return resolution === undefined ? undefined : { uid, namespace: resolution.namespace, name: resolution.name };
      },
    });
    const engine = new Engine({
      ...options.engine,
      member: membership.identity,
      laneMetrics: (config) => metrics.webhook(config),
      listener: {
        transitioned: (uid, transitions, eventType) => {
          announcer.transitioned(uid, transitions, eventType);
          schedule.transitioned(uid);
        },
        changed: (uid) => schedule.changed(uid),
        deadLettered: (uid, content, last) => {
          announcer.deadLettered(uid, content, last);
          schedule.changed(uid);
        },
        lost: (uid, reason, count) => {
          announcer.lost(uid, reason, count);
          schedule.transitioned(uid);
        },
      },
    });
    const driver = new VerificationDriver({
      verify: (target, method) => verify(target, method, { sender: options.engine.sender, clock }),
      onVerified: (uid, verification) => engine.setVerified(uid, verification),
      onFailed: (uid, progress) => {
        announcer.verificationFailed(uid, progress);
        schedule.transitioned(uid);
      },
      clock,
      logger,
    });
    const ours = (key: string): KubeObject | undefined => {
      const object = catalog.webhooks.get(key);
      const slot = known.get(object?.metadata.uid ?? '')?.slot;
      return slot !== undefined && engine.owns(slot) ? object : undefined;
    };
    const webhookStatuses = statusWriter(WEBHOOKS, ours);
    const classStatuses = statusWriter(WEBHOOK_CLASSES, (name) => catalog.classes.get(name));
    const publisher = new StatusPublisher({
      catalog,
      known,
      engine,
      driver,
      statuses: webhookStatuses,
      metrics: (webhook) => metrics.webhook(webhook),
      clock,
    });
    const reconciler = new WebhookReconciler({
      catalog,
      known,
      engine,
      secrets: new SecretReader({ client, clock, maxAgeMs: secretAgeMs }),
      driver,
      changed: (uid) => schedule.transitioned(uid),
      forgotten: (key, uid) => {
        announcer.forget(uid);
        webhookStatuses.forget(key);
      },
    });
    const duties = new InstallDuties({
      ...options.duties,
      sweeper: new Sweeper({
        stored: new StoredWebhooks({
          broker: options.engine.broker,
          names: options.engine.names,
          stores: engine.stores,
          slotCount: engine.slotCount,
        }),
        liveUids: async () => {
          await catalog.webhooks.relist();
          return new Set(catalog.webhooks.list().map(({ metadata }) => metadata.uid ?? ''));
        },
        kindIsServed: () => servesWebhooks(client),
        watchNamespaces: options.watchNamespaces,
        clock,
        logger,
      }),
      clock,
      logger,
    });
    // What still waits at the end is nothing to this process any more.
    const unlessStopping =
      (reconcile: Reconcile): Reconcile =>
      (key, context) =>
        this.#stopping ? Promise.resolve() : reconcile(key, context);
    const webhooks = controller('webhook', webhookWorkers, reconciler.reconcile);
    const classes = controller(
      'webhookclass',
      1,
      classReconciler({ catalog, statuses: classStatuses, isWriter: () => duties.isOurs, clock }),
    );

    this.engine = engine;
    this.#clock = clock;
    this.#driver = driver;
    this.#schedule = schedule;
    this.#duties = duties;
    this.#announcer = announcer;
    this.#writers = [webhookStatuses, classStatuses];
    this.#controllers = [webhooks.controller, classes.controller];
    this.#disconnect = connectTriggers({ catalog, known, webhookQueue: webhooks.queue, classQueue: classes.queue });
    this.#slots = new SlotManager({
      engine,
      membership,
      readClaim: async (slot) => (await engine.stores.state.readClaim(slot))?.value,
      loadConfigs: (slot) => reconciler.loadConfigs(slot),
      onAcquired: (slot) => {
        for (const key of reconciler.keysOfSlot(slot)) webhooks.queue.add(key, 'low');
      },
      onOwned: (slots) => {
        metrics.setSlotsOwned(slots.size);
        const hadDuties = duties.isOurs;
        duties.set(slots.has(0));
        if (duties.isOurs && !hadDuties) {
          for (const { metadata } of catalog.classes.list()) classes.queue.add(metadata.name, 'low');
        }
      },
      releaseGraceMs: options.releaseGraceMs,
      clock,
      logger,
    });

    function statusWriter(type: ResourceType, read: (key: string) => KubeObject | undefined): StatusWriter {
      return new StatusWriter({ client, type, clock, logger, read, fieldManager });
    }

    function controller(
      name: string,
      workers: number,
      reconcile: Reconcile,
    ): { readonly queue: WorkQueue; readonly controller: Controller } {
      const queue = new WorkQueue({ clock, observer: metrics.workQueue(name) });
      metrics.observeQueue(name, queue);
      const observer = metrics.controller(name, workers);
      return {
        queue,
        controller: new Controller({
          name,
          queue,
          reconcile: unlessStopping(reconcile),
          clock,
          workers,
          logger,
          observer,
        }),
      };
    }
  }

  /** Takes slots from now on, as soon as the membership Lease is there. */
  start(): void {
    for (const writer of this.#writers) writer.start();
    for (const controller of this.#controllers) controller.start();
    this.#slots.start();
  }

  /** Begins nothing new: takes no slot, looks at no Webhook, tries no URL. Deliveries go on. */
  async stopIntake(): Promise<void> {
    this.#slots.stop();
    this.#duties.set(false);
    this.#disconnect();
    this.#driver.stop();
    this.#stopping = true;
    const stopped = Promise.all(this.#controllers.map((controller) => controller.stop()));
    await Promise.race([stopped, sleep(this.#clock, reconcileGraceMs)]);
  }

  /** Hands all slots over, within `graceMs`, and writes what is known of the Webhooks meanwhile. */
  async handOver(graceMs: number): Promise<void> {
    this.#schedule.stop();
    await Promise.all([this.engine.stop(graceMs), ...this.#writers.map((writer) => writer.stop())]);
    await this.#announcer.stop();
  }
}
