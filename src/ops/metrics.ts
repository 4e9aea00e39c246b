import { setImmediate as nextTurn } from 'node:timers/promises';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type MetricDeclaration, metricDeclarations as declared } from './metric-declarations.ts';
import { type PerWebhook, type WebhookIdentity, type WebhookMetrics, WebhookSeries } from './webhook-metrics.ts';

/** Why deliveries were lost: refused by a full backlog, or fallen out of a stream's retention before they were settled. */
export const lostReasons = ['BacklogFull', 'EventsExpired', 'BacklogExpired'] as const;
export type LostReason = (typeof lostReasons)[number];

/** The result of a reconciliation, in controller-runtime's words. */
export const reconcileResults = ['success', 'error', 'requeue', 'requeue_after'] as const;
export type ReconcileResult = (typeof reconcileResults)[number];

export interface MetricsOptions {
  readonly version: string;
  /** Defaults to `all`. */
  readonly perWebhook?: PerWebhook;
}

/** What a work queue is asked at each scrape. */
export interface QueueState {
  depth(): number;
  unfinishedWorkSeconds(): number;
  longestRunningSeconds(): number;
}

/** All metrics of the process. Hot paths use {@link Metrics.webhook}; the rest is rare enough for prom-client's labels. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #series: WebhookSeries;
  readonly #queues = new Map<string, QueueState>();
  readonly #watches = new Map<string, () => number>();

  readonly #eventsLost = this.#counter(declared.eventsLostTotal);
  readonly #slotsOwned = this.#gauge(declared.slotsOwned);
  readonly #consumerLag = this.#gauge(declared.consumerLagEvents);
  readonly #clockOffset = this.#gauge(declared.clockOffset);
  readonly #streamBytes = this.#gauge(declared.streamBytes);
  readonly #streamLimitBytes = this.#gauge(declared.streamLimitBytes);
  readonly #egressSuspected = this.#gauge(declared.egressSuspected);
  readonly #natsConnected = this.#gauge(declared.natsConnected);
  readonly #watchRestarts = this.#counter(declared.watchRestartsTotal);
  readonly #reconciles = this.#counter(declared.reconcileTotal);
  readonly #reconcileErrors = this.#counter(declared.reconcileErrorsTotal);
  readonly #terminalErrors = this.#counter(declared.terminalReconcileErrorsTotal);
  readonly #panics = this.#counter(declared.reconcilePanicsTotal);
  readonly #timeouts = this.#counter(declared.reconcileTimeoutsTotal);
  readonly #reconcileTime = this.#histogram(declared.reconcileTime);
  readonly #maxConcurrent = this.#gauge(declared.maxConcurrentReconciles);
  readonly #activeWorkers = this.#gauge(declared.activeWorkers);
  readonly #queueAdds = this.#counter(declared.queueAddsTotal);
  readonly #queueRetries = this.#counter(declared.queueRetriesTotal);
  readonly #queueDuration = this.#histogram(declared.queueDuration);
  readonly #queueWork = this.#histogram(declared.queueWorkDuration);
  readonly #requests = this.#counter(declared.restClientRequestsTotal);
  readonly #requestDuration = this.#histogram(declared.restClientRequestDuration);

  constructor(options: MetricsOptions) {
    this.#series = new WebhookSeries(options.perWebhook ?? 'all');
    this.#pulledGauge(declared.queueDepth, this.#queues, (queue, name) => [
      { name, controller: name, priority: '' },
      queue.depth(),
    ]);
    this.#pulledGauge(declared.queueUnfinishedWork, this.#queues, (queue, name) => [
      { name, controller: name },
      queue.unfinishedWorkSeconds(),
    ]);
    this.#pulledGauge(declared.queueLongestRunning, this.#queues, (queue, name) => [
      { name, controller: name },
      queue.longestRunningSeconds(),
    ]);
    this.#pulledGauge(declared.watchLastEventAge, this.#watches, (age, kind) => [{ kind }, age()]);
    this.#gauge(declared.buildInfo).set({ version: options.version }, 1);
    // A series that is missing until its first increment hides that increment from rate().
    for (const reason of lostReasons) this.#eventsLost.inc({ reason }, 0);
    collectDefaultMetrics({ register: this.#registry });
  }

  /** The series of one Webhook; see {@link WebhookMetrics.remove} for when they end. */
  webhook(identity: WebhookIdentity): WebhookMetrics {
    return this.#series.open(identity);
  }

  eventsLost(reason: LostReason, count: number): void {
    this.#eventsLost.inc({ reason }, count);
  }

  setSlotsOwned(count: number): void {
    this.#slotsOwned.set(count);
  }

  /** `undefined` takes the series away: the slot is no longer ours. */
  setConsumerLag(slot: number, events: number | undefined): void {
    if (events === undefined) this.#consumerLag.remove({ slot: String(slot) });
    else this.#consumerLag.set({ slot: String(slot) }, events);
  }

  setClockOffset(milliseconds: number): void {
    this.#clockOffset.set(milliseconds / 1000);
  }

  setStream(stream: string, bytes: number, limitBytes: number): void {
    this.#streamBytes.set({ stream }, bytes);
    this.#streamLimitBytes.set({ stream }, limitBytes);
  }

  setEgressSuspected(suspected: boolean): void {
    this.#egressSuspected.set(suspected ? 1 : 0);
  }

  setNatsConnected(connected: boolean): void {
    this.#natsConnected.set(connected ? 1 : 0);
  }

  watchRestarted(kind: string, reason: string): void {
    this.#watchRestarts.inc({ kind, reason });
  }

  /** `ageSeconds` is asked at each scrape. */
  observeWatch(kind: string, ageSeconds: () => number): void {
    this.#watches.set(kind, ageSeconds);
  }

  /** Makes the series of a controller, all at 0. */
  addController(controller: string, maxConcurrentReconciles: number): void {
    for (const result of reconcileResults) this.#reconciles.inc({ controller, result }, 0);
    for (const counter of [this.#reconcileErrors, this.#terminalErrors, this.#panics, this.#timeouts]) {
      counter.inc({ controller }, 0);
    }
    this.#activeWorkers.set({ controller }, 0);
    this.#maxConcurrent.set({ controller }, maxConcurrentReconciles);
  }

  reconcileStarted(controller: string): void {
    this.#activeWorkers.inc({ controller });
  }

  /** `cause` tells what kind of error it was; only for the result `error`. */
  reconcileFinished(
    controller: string,
    result: ReconcileResult,
    durationSeconds: number,
    cause?: 'terminal' | 'panic' | 'timeout',
  ): void {
    this.#activeWorkers.dec({ controller });
    this.#reconciles.inc({ controller, result });
    this.#reconcileTime.observe({ controller }, durationSeconds);
    if (result === 'error') this.#reconcileErrors.inc({ controller });
    if (cause === 'terminal') this.#terminalErrors.inc({ controller });
    if (cause === 'panic') this.#panics.inc({ controller });
    if (cause === 'timeout') this.#timeouts.inc({ controller });
  }

  /** A work queue is named after its controller. */
  addQueue(name: string, state: QueueState): void {
    this.#queues.set(name, state);
    this.#queueAdds.inc({ name, controller: name }, 0);
    this.#queueRetries.inc({ name, controller: name }, 0);
  }

  queueAdded(name: string): void {
    this.#queueAdds.inc({ name, controller: name });
  }

  queueRetried(name: string): void {
    this.#queueRetries.inc({ name, controller: name });
  }

  /** A key left the queue for a worker. */
  queueTaken(name: string, waitedSeconds: number): void {
    this.#queueDuration.observe({ name, controller: name }, waitedSeconds);
  }

  /** A worker is done with a key. */
  queueDone(name: string, workedSeconds: number): void {
    this.#queueWork.observe({ name, controller: name }, workedSeconds);
  }

  /** A request to the API server: the observer of the Kubernetes client. */
  requestFinished(request: {
    readonly method: string;
    readonly verb: string;
    readonly host: string;
    readonly code: string;
    readonly durationSeconds: number;
  }): void {
    const { method, verb, host, code } = request;
    this.#requests.inc({ code, method, host });
    this.#requestDuration.observe({ verb, host }, request.durationSeconds);
  }

  /** Names of everything that a scrape shows and that is not declared by us: prom-client's metrics of the process. */
  defaultMetricNames(): string[] {
    const ours = new Set<string>(Object.values(declared).map(({ name }) => name));
    return this.#registry
      .getMetricsAsArray()
      .map(({ name }) => name)
      .filter((name) => !ours.has(name));
  }

  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  /** The exposition, in pieces with a turn of the event loop between them, so that deliveries go on during a scrape. */
  async *render(): AsyncGenerator<string> {
    for (const { name } of this.#registry.getMetricsAsArray()) {
      yield `${await this.#registry.getSingleMetricAsString(name)}\n`;
      await nextTurn();
    }
    for (const slice of this.#series.render()) {
      yield slice;
      await nextTurn();
    }
  }

  #counter(declaration: MetricDeclaration): Counter {
    return new Counter(this.#configuration(declaration));
  }

  #gauge(declaration: MetricDeclaration): Gauge {
    return new Gauge(this.#configuration(declaration));
  }

  #histogram(declaration: MetricDeclaration): Histogram {
    return new Histogram({ ...this.#configuration(declaration), buckets: [...(declaration.buckets ?? [])] });
  }

  /** A gauge that is computed at each scrape from what was registered. */
  #pulledGauge<T>(
    declaration: MetricDeclaration,
    sources: ReadonlyMap<string, T>,
    sampleOf: (source: T, name: string) => readonly [Record<string, string>, number],
  ): void {
    const gauge = new Gauge({
      ...this.#configuration(declaration),
      collect: () => {
        for (const [name, source] of sources) gauge.set(...sampleOf(source, name));
      },
    });
  }

  #configuration({ name, help, labels }: MetricDeclaration) {
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }
}
