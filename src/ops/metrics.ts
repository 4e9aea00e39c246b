import { setImmediate as nextTurn } from 'node:timers/promises';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { lossReasons, type LossReason } from '../delivery/lane-services.ts';
import type { SlotMetrics } from '../delivery/slot.ts';
import { type ControllerObserver, reconcileResults } from '../kubernetes/controller.ts';
import type { RestClientObserver } from '../kubernetes/api-caller.ts';
import type { ReflectorObserver } from '../kubernetes/watch-loop.ts';
import type { Priority, WorkQueue, WorkQueueObserver } from '../kubernetes/work-queue.ts';
import { type MetricDeclaration, metricDeclarations as declared } from './metric-declarations.ts';
import { type PerWebhook, type WebhookIdentity, type WebhookMetrics, WebhookSeries } from './webhook-metrics.ts';

export interface MetricsOptions {
  readonly version: string;
  /** Defaults to `all`. */
  readonly perWebhook?: PerWebhook;
}

/** What a work queue is asked at each scrape. */
export type RunningWork = Pick<WorkQueue, 'unfinishedWorkSeconds' | 'longestRunningSeconds'>;

/** controller-runtime's numbers: what a person changed comes before what is only looked at again. */
const priorityLabels: Readonly<Record<Priority, string>> = { high: '0', low: '-100' };

/** All metrics of the process. Hot paths use {@link Metrics.webhook}; the rest is rare enough for prom-client's labels. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #series: WebhookSeries;
  readonly #queues = new Map<string, RunningWork>();
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
  readonly #unknownWatchEvents = this.#counter(declared.unknownWatchEventsTotal);
  readonly #reconciles = this.#counter(declared.reconcileTotal);
  readonly #reconcileErrors = this.#counter(declared.reconcileErrorsTotal);
  readonly #terminalErrors = this.#counter(declared.terminalReconcileErrorsTotal);
  readonly #panics = this.#counter(declared.reconcilePanicsTotal);
  readonly #timeouts = this.#counter(declared.reconcileTimeoutsTotal);
  readonly #reconcileTime = this.#histogram(declared.reconcileTime);
  readonly #maxConcurrent = this.#gauge(declared.maxConcurrentReconciles);
  readonly #activeWorkers = this.#gauge(declared.activeWorkers);
  readonly #queueDepth = this.#gauge(declared.queueDepth);
  readonly #queueAdds = this.#counter(declared.queueAddsTotal);
  readonly #queueRetries = this.#counter(declared.queueRetriesTotal);
  readonly #queueDuration = this.#histogram(declared.queueDuration);
  readonly #queueWork = this.#histogram(declared.queueWorkDuration);
  readonly #requests = this.#counter(declared.restClientRequestsTotal);
  readonly #requestDuration = this.#histogram(declared.restClientRequestDuration);

  constructor(options: MetricsOptions) {
    this.#series = new WebhookSeries(options.perWebhook ?? 'all', (reason, count) => this.#lost(reason, count));
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
    for (const reason of lossReasons) this.#lost(reason, 0);
    collectDefaultMetrics({ register: this.#registry });
  }

  /** The series of one Webhook; see {@link WebhookMetrics.remove} for when they end. */
  webhook(identity: WebhookIdentity): WebhookMetrics {
    return this.#series.open(identity);
  }

  /** The gauges of slots, and what a slot lost without knowing for whom. */
  readonly slots: SlotMetrics = {
    lag: (slot, events) => this.#consumerLag.set({ slot: String(slot) }, events),
    lost: (_slot, events) => this.#lost('Expired', events),
    remove: (slot) => this.#consumerLag.remove({ slot: String(slot) }),
  };

  setSlotsOwned(count: number): void {
    this.#slotsOwned.set(count);
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

  /** `ageSeconds` is asked at each scrape. */
  observeWatch(kind: string, ageSeconds: () => number): void {
    this.#watches.set(kind, ageSeconds);
  }

  /** The observer of a controller; its series begin at 0. */
  controller(controller: string, maxConcurrentReconciles: number): ControllerObserver {
    for (const result of reconcileResults) this.#reconciles.inc({ controller, result }, 0);
    for (const counter of [this.#reconcileErrors, this.#terminalErrors, this.#panics, this.#timeouts]) {
      counter.inc({ controller }, 0);
    }
    this.#activeWorkers.set({ controller }, 0);
    this.#maxConcurrent.set({ controller }, maxConcurrentReconciles);
    return {
      reconciled: (result, durationSeconds) => {
        this.#reconciles.inc({ controller, result });
        this.#reconcileTime.observe({ controller }, durationSeconds);
        if (result === 'error') this.#reconcileErrors.inc({ controller });
      },
      terminalError: () => this.#terminalErrors.inc({ controller }),
      panicked: () => this.#panics.inc({ controller }),
      timedOut: () => this.#timeouts.inc({ controller }),
      activeWorkersChanged: (active) => this.#activeWorkers.set({ controller }, active),
    };
  }

  /** The observer of a work queue, which is named after its controller; its series begin at 0. */
  workQueue(name: string): WorkQueueObserver {
    const labels = { name, controller: name };
    this.#queueAdds.inc(labels, 0);
    this.#queueRetries.inc(labels, 0);
    const setDepth = (priority: Priority, depth: number) =>
      this.#queueDepth.set({ ...labels, priority: priorityLabels[priority] }, depth);
    setDepth('high', 0);
    setDepth('low', 0);
    return {
      depthChanged: setDepth,
      added: () => this.#queueAdds.inc(labels),
      retried: () => this.#queueRetries.inc(labels),
      queueDuration: (seconds) => this.#queueDuration.observe(labels, seconds),
      workDuration: (seconds) => this.#queueWork.observe(labels, seconds),
    };
  }

  /** Has a work queue asked at each scrape for what it can only tell then. */
  observeQueue(name: string, queue: RunningWork): void {
    this.#queues.set(name, queue);
  }

  /** The observer of the Kubernetes client. */
  readonly restClient: RestClientObserver = {
    requestFinished: ({ method, verb, host, code, durationSeconds }) => {
      this.#requests.inc({ code, method, host });
      this.#requestDuration.observe({ verb, host }, durationSeconds);
    },
  };

  /** The observer of the reflectors. */
  readonly reflector: ReflectorObserver = {
    watchRestarted: (kind, reason) => this.#watchRestarts.inc({ kind, reason }),
    unknownEvent: (kind, type) => this.#unknownWatchEvents.inc({ kind, type }),
  };

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

  #lost(reason: LossReason, count: number): void {
    this.#eventsLost.inc({ reason }, count);
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
