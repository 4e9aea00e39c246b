import { randomUUID } from 'node:crypto';
import { systemClock, type Clock, type Timer } from './clock.ts';
import { Catalog } from './control/catalog.ts';
import { ControlLoops } from './control/control-loops.ts';
import { NAMESPACES, WEBHOOK_CLASSES, WEBHOOKS } from './control/resource-types.ts';
import { createHTTPSender } from './delivery/http-sender.ts';
import { messageOf } from './errors.ts';
import { BrokerError } from './jetstream/broker.ts';
import { connectNats, type NatsLink } from './jetstream/connection.ts';
import { NatsBroker } from './jetstream/nats-broker.ts';
import { ensureStreams, type EnsureStreamsOptions } from './jetstream/streams.ts';
import { stateStream } from './jetstream/subjects.ts';
import { createKubeClient, type KubeClient } from './kubernetes/client.ts';
import { kubeconfigCredentials } from './kubernetes/credentials.ts';
import { EventRecorder } from './kubernetes/event-recorder.ts';
import type { KubeObject, ResourceType } from './kubernetes/kube-object.ts';
import { Membership } from './kubernetes/membership.ts';
import { Reflector } from './kubernetes/reflector.ts';
import type { Logger } from './logger.ts';
import { createAgentPool, type AgentPool } from './net/agents.ts';
import { startServer, type RouteHandler, type RunningServer } from './ops/http-server.ts';
import type { BindAddress } from './ops/option-parsers.ts';
import type { Options } from './ops/option-table.ts';
import { natsOptions, streamTableOptions } from './ops/option-views.ts';
import { podIdentity } from './ops/pod-identity.ts';
import { Metrics } from './ops/metrics.ts';
import { metricsRoutes } from './ops/metrics-route.ts';
import { Probes } from './ops/probes.ts';
import { shutDown, type ShutdownStep } from './ops/shutdown.ts';
import { version } from './version.ts';

/** Qualified name under which Events are reported. */
const controllerName = 'webhook-operator.dev/operator';
const leasePrefix = 'webhook-operator';
const gaugesIntervalMs = 5_000;
const streamsRetryMs = 2_000;
/** Of the time for a stop, what is left for all that comes after deliveries have been settled. */
const stopReserveMs = 5_000;

/** The process: every part made, connected, started and stopped in order. Decides nothing. */
export class Operator {
  readonly #options: Options;
  readonly #logger: Logger;
  readonly #clock: Clock = systemClock;
  readonly #probes = new Probes();
  readonly #metrics: Metrics;
  readonly #abort = new AbortController();
  readonly #failed = Promise.withResolvers<never>();
  readonly #servers: RunningServer[] = [];
  #client: KubeClient | undefined;
  #reflectors: readonly Reflector<KubeObject>[] = [];
  #link: NatsLink | undefined;
  #broker: NatsBroker | undefined;
  #agents: AgentPool | undefined;
  #recorder: EventRecorder | undefined;
  #membership: Membership | undefined;
  #loops: ControlLoops | undefined;
  #gaugesTimer: Timer | undefined;
  #streamsReady = false;
  #egressSuspected = false;
  #stopping = false;

  constructor(options: Options, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
    this.#metrics = new Metrics({ version, perWebhook: options.metricsPerWebhook });
    this.#failed.promise.catch(() => undefined);
  }

  /** Rejects when the process can't go on: its connection to NATS is closed for good. Never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /**
   * Resolves when everything runs, however long the servers that it needs take to come up; or early, after {@link stop}.
   * Rejects with what no waiting mends: files, permissions, versions, streams of another install.
   */
  async start(): Promise<void> {
    this.#logger.info('Starting', { version, node: process.versions.node });
    this.#addReadiness();
    await this.#serve('probes', this.#options.healthProbeBindAddress, this.#probes.routes());
    await this.#serve('metrics', this.#options.metricsBindAddress, metricsRoutes(this.#metrics));
    try {
      const client = await this.#connectKubernetes();
      const catalog = this.#watch(client);
      const broker = await this.#connectNats();
      await Promise.race([this.#synced(), this.#aborted()]);
      this.#abort.signal.throwIfAborted();
      this.#startLoops(client, catalog, broker);
    } catch (error) {
      if (!this.#stopping) throw error;
    }
  }

  /** Resolves to true when everything was stopped in order and in time. */
  stop(): Promise<boolean> {
    this.#stopping = true;
    const { shutdownTimeout } = this.#options;
    const deadline = this.#clock.monotonic() + shutdownTimeout - Math.min(stopReserveMs, shutdownTimeout / 2);
    const steps: ShutdownStep[] = [
      { name: 'readiness', run: () => this.#probes.beginShutdown() },
      { name: 'intake', run: () => this.#stopIntake() },
      { name: 'deliveries', run: () => this.#loops?.handOver(Math.max(0, deadline - this.#clock.monotonic())) },
      // After the slots: a member that is gone while it still owns a slot is waited for by nobody.
      { name: 'membership', run: () => this.#membership?.stop() },
      { name: 'events', run: () => this.#recorder?.stop() },
      { name: 'connections', run: () => this.#disconnect() },
      { name: 'servers', run: () => this.#closeServers() },
    ];
    return shutDown({ steps, timeoutMs: shutdownTimeout, clock: this.#clock, logger: this.#logger });
  }

  #addReadiness(): void {
    const synced = (): boolean => this.#reflectors.length > 0 && this.#reflectors.every((each) => each.hasSynced());
    this.#probes.addReadiness('caches', () => (synced() ? undefined : 'not synced with the API server'));
    this.#probes.addReadiness('nats', () => (this.#link === undefined ? 'never connected' : undefined));
    this.#probes.addReadiness('streams', () => (this.#streamsReady ? undefined : 'not checked yet'));
  }

  async #serve(
    name: string,
    address: BindAddress | undefined,
    routes: ReadonlyMap<string, RouteHandler>,
  ): Promise<void> {
    if (address !== undefined) this.#servers.push(await startServer(name, address, routes, this.#logger));
  }

  async #connectKubernetes(): Promise<KubeClient> {
    const clock = this.#clock;
    const credentials = await kubeconfigCredentials({
      path: this.#options.kubeconfig,
      monotonic: () => clock.monotonic(),
    });
    const userAgent = `webhook-operator/${version}`;
    this.#client = createKubeClient({ credentials, clock, userAgent, observer: this.#metrics.restClient });
    return this.#client;
  }

  #watch(client: KubeClient): Catalog {
    const reflect = (type: ResourceType): Reflector<KubeObject> => {
      const reflector = new Reflector<KubeObject>({
        client,
        type,
        clock: this.#clock,
        namespaces: this.#options.watchNamespaces,
        logger: this.#logger,
        observer: this.#metrics.reflector,
      });
      this.#metrics.observeWatch(type.kind, () => reflector.lastEventAgeSeconds());
      return reflector;
    };
    const [webhooks, classes, namespaces] = [reflect(WEBHOOKS), reflect(WEBHOOK_CLASSES), reflect(NAMESPACES)];
    this.#reflectors = [webhooks, classes, namespaces];
    const catalog = new Catalog({ webhooks, classes, namespaces });
    for (const reflector of this.#reflectors) reflector.start();
    return catalog;
  }

  #synced(): Promise<unknown> {
    return Promise.all(this.#reflectors.map((reflector) => reflector.waitForSync()));
  }

  #aborted(): Promise<void> {
    return new Promise((resolve) => {
      this.#abort.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async #connectNats(): Promise<NatsBroker> {
    const clock = this.#clock;
    const logger = this.#logger;
    const { signal } = this.#abort;
    const name = `webhook-operator ${podIdentity(this.#options).podName}`;
    const link = await connectNats({ ...natsOptions(this.#options), name, logger, clock, signal });
    this.#link = link;
    this.#metrics.setNatsConnected(true);
    link.onChange((connected) => this.#metrics.setNatsConnected(connected));
    void link.closed.then((error) => {
      if (!this.#stopping)
        this.#failed.reject(error ?? new BrokerError('Unavailable', 'The connection to NATS closed'));
    });
    const broker = new NatsBroker({ link, clock, logger });
    this.#broker = broker;
    await this.#waitForStreams(broker);
    await broker.followClock(this.#streamOptions.names.retries);
    return broker;
  }

  get #streamOptions(): EnsureStreamsOptions {
    return { ...streamTableOptions(this.#options), mode: this.#options.streams, logger: this.#logger };
  }

  /** JetStream may need a while after NATS answers: a cluster elects leaders first. */
  async #waitForStreams(broker: NatsBroker): Promise<void> {
    while (!this.#streamsReady) {
      this.#abort.signal.throwIfAborted();
      try {
        await ensureStreams(broker.api, this.#streamOptions);
        this.#streamsReady = true;
      } catch (error) {
        if (!(error instanceof BrokerError) || error.kind !== 'Unavailable') throw error;
        this.#logger.error('Streams could not be checked yet', { reason: messageOf(error) });
        const pause = Promise.withResolvers<void>();
        this.#clock.setTimer(pause.resolve, streamsRetryMs);
        await Promise.race([pause.promise, this.#aborted()]);
      }
    }
  }

  #startLoops(client: KubeClient, catalog: Catalog, broker: NatsBroker): void {
    const clock = this.#clock;
    const logger = this.#logger;
    const metrics = this.#metrics;
    const { names, partitions, shards } = this.#streamOptions;
    const { leaseNamespace, podName } = podIdentity(this.#options);
    const identity = `${podName}-${randomUUID().slice(0, 8)}`;
    const agents = createAgentPool({ clock });
    const recorder = new EventRecorder({ client, clock, controller: controllerName, instance: identity, logger });
    const membership = new Membership({
      client,
      clock,
      namespace: leaseNamespace,
      prefix: leasePrefix,
      identity,
      logger,
    });
    const loops = new ControlLoops({
      engine: {
        broker,
        names,
        partitions,
        shards,
        sender: createHTTPSender({ agents, clock }),
        clock,
        newID: randomUUID,
        logger,
        slotMetrics: metrics.slots,
      },
      client,
      catalog,
      membership,
      recorder,
      watchNamespaces: this.#options.watchNamespaces,
      releaseGraceMs: this.#options.shutdownTimeout,
      duties: {
        ensureStreams: () => ensureStreams(broker.api, this.#streamOptions),
        streams: () =>
          Promise.all(
            [names.events, names.retries, names.backlog, names.deadLetters, stateStream(names)].map((name) =>
              broker.streamState(name),
            ),
          ),
        onStream: ({ name, bytes, maxBytes }) => metrics.setStream(name, bytes, maxBytes),
      },
      metrics,
      clock,
      logger,
    });
    this.#agents = agents;
    this.#recorder = recorder;
    this.#membership = membership;
    this.#loops = loops;
    recorder.start();
    loops.start();
    membership.start();
    this.#updateGauges();
    logger.info('Started', { identity, slots: loops.engine.slotCount });
  }

  #updateGauges(): void {
    const { engine } = this.#loops ?? {};
    if (engine !== undefined) this.#showEgress(engine.egressSuspected);
    if (this.#broker !== undefined) this.#metrics.setClockOffset(this.#broker.clockOffsetMs());
    this.#gaugesTimer = this.#clock.setTimer(() => this.#updateGauges(), gaugesIntervalMs);
  }

  #showEgress(suspected: boolean): void {
    this.#metrics.setEgressSuspected(suspected);
    if (suspected === this.#egressSuspected) return;
    this.#egressSuspected = suspected;
    if (suspected) {
      this.#logger.error('EgressSuspected: so many hosts fail that no webhook is disabled by its threshold for now');
    } else {
      this.#logger.info('EgressSuspected is over');
    }
  }

  async #stopIntake(): Promise<void> {
    this.#abort.abort();
    await this.#loops?.stopIntake();
    for (const reflector of this.#reflectors) void reflector.stop();
  }

  async #disconnect(): Promise<void> {
    this.#clock.clearTimer(this.#gaugesTimer);
    this.#broker?.close();
    await this.#link?.close();
    await this.#agents?.close();
    this.#client?.close();
  }

  async #closeServers(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}
