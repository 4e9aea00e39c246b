/**
 * Series per Webhook and per namespace. They are plain numbers here rather than prom-client's, because a labelled
 * increment of prom-client costs 0.6 µs and a scrape of many series blocks the event loop: these are rendered in slices.
 */
import { type FailureReason, failureReasons } from '../delivery/attempt.ts';
import type { LaneMetrics, LossReason } from '../delivery/lane-services.ts';
import { AttemptCounts, type DeliveryOutcome } from './attempt-counts.ts';
import { headText, labelText, PlainHistogram, sampleText } from './exposition.ts';
import { type MetricDeclaration, metricDeclarations as declared } from './metric-declarations.ts';

export interface WebhookIdentity {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/** Which Webhooks have series of their own. `failing`: those with a streak, or a True Disabled, Failing or BacklogFull. */
export type PerWebhook = 'all' | 'failing' | 'off';

/** What the counters of one Webhook tell whoever made them. */
interface SeriesOwner {
  lost(reason: LossReason, count: number): void;
  removed(): void;
}

/** Webhooks rendered at a stretch, well below a millisecond. */
const sliceSize = 100;

/** The counters of one Webhook. Cheap enough for each attempt; everything is dropped by {@link WebhookMetrics.remove}. */
export class WebhookMetrics implements LaneMetrics {
  readonly identity: WebhookIdentity;
  readonly labels: string;
  readonly counts = new AttemptCounts();
  readonly failures = new Map<FailureReason, number>();
  readonly conditions = new Map<string, string>();
  filterErrors = 0;
  inFlight = 0;
  consecutiveFailures = 0;
  pending = { retrying: 0, backlog: 0, deadLettered: 0, lost: 0 };
  /** True once its series are gone; a scrape that already runs leaves it out too. */
  removed = false;
  readonly #namespace: NamespaceMetrics;
  readonly #owner: SeriesOwner;

  constructor(identity: WebhookIdentity, namespace: NamespaceMetrics, owner: SeriesOwner) {
    this.identity = { uid: identity.uid, namespace: identity.namespace, name: identity.name };
    this.labels = labelText({ namespace: identity.namespace, name: identity.name });
    this.#namespace = namespace;
    this.#owner = owner;
  }

  delivered(statusCode: number, durationSeconds: number, latencySeconds: number | undefined): void {
    this.#count('delivered', statusCode);
    this.#namespace.attemptDuration.observe(durationSeconds);
    if (latencySeconds !== undefined) this.#namespace.deliveryLatency.observe(latencySeconds);
  }

  failed(
    outcome: 'retry' | 'dead_letter' | 'held',
    reason: FailureReason,
    statusCode: number | undefined,
    durationSeconds: number,
  ): void {
    this.#count(outcome, statusCode);
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
    this.#namespace.attemptDuration.observe(durationSeconds);
  }

  skipped(outcome: 'unsubscribed' | 'dropped' | 'held'): void {
    this.#count(outcome, undefined);
  }

  /** Losses must not go with the series of a deleted Webhook: they are counted for the whole process. */
  lost(reason: LossReason, count: number): void {
    this.#owner.lost(reason, count);
  }

  filterFailed(): void {
    this.filterErrors += 1;
  }

  setInFlight(count: number): void {
    this.inFlight = count;
  }

  setConsecutiveFailures(count: number): void {
    this.consecutiveFailures = count;
  }

  /** The counts of `status.pending`; a count that is left out stays as it was. */
  setPending(pending: Partial<WebhookMetrics['pending']>): void {
    this.pending = { ...this.pending, ...pending };
  }

  /** The conditions of `status`, all of them: a type that is no longer there loses its series. */
  setConditions(conditions: Iterable<{ readonly type: string; readonly status: string }>): void {
    this.conditions.clear();
    for (const { type, status } of conditions) this.conditions.set(type, status);
  }

  get isFailing(): boolean {
    if (this.consecutiveFailures > 0) return true;
    return ['Disabled', 'Failing', 'BacklogFull'].some((type) => this.conditions.get(type) === 'True');
  }

  /** Takes the series away: when the Webhook is deleted, and when another replica takes its slot over. */
  remove(): void {
    if (this.removed) return;
    this.removed = true;
    this.#owner.removed();
  }

  #count(outcome: DeliveryOutcome, statusCode: number | undefined): void {
    this.counts.add(outcome, statusCode);
    this.#namespace.counts.add(outcome, statusCode);
  }
}

/** Sums of a namespace; they live as long as one of its Webhooks. */
class NamespaceMetrics {
  readonly labels: string;
  readonly counts = new AttemptCounts();
  readonly attemptDuration = new PlainHistogram(declared.attemptDuration.buckets);
  readonly deliveryLatency = new PlainHistogram(declared.deliveryLatency.buckets);
  webhooks = 0;

  constructor(namespace: string) {
    this.labels = labelText({ namespace });
  }
}

interface Family<T> {
  readonly declaration: MetricDeclaration;
  readonly render: (item: T) => string;
}
const sample =
  ({ name }: MetricDeclaration, valueOf: (metrics: WebhookMetrics) => number) =>
  (metrics: WebhookMetrics) =>
    sampleText(name, metrics.labels, valueOf(metrics));
const single = (declaration: MetricDeclaration, valueOf: (metrics: WebhookMetrics) => number) => ({
  declaration,
  render: sample(declaration, valueOf),
});

const namespaceFamilies: readonly Family<NamespaceMetrics>[] = [
  {
    declaration: declared.namespaceDeliveriesTotal,
    render: ({ counts, labels }) => counts.render(declared.namespaceDeliveriesTotal.name, labels),
  },
  {
    declaration: declared.attemptDuration,
    render: ({ attemptDuration, labels }) => attemptDuration.render(declared.attemptDuration.name, labels),
  },
  {
    declaration: declared.deliveryLatency,
    render: ({ deliveryLatency, labels }) => deliveryLatency.render(declared.deliveryLatency.name, labels),
  },
];

const webhookFamilies: readonly Family<WebhookMetrics>[] = [
  {
    declaration: declared.deliveriesTotal,
    render: ({ counts, labels }) => counts.render(declared.deliveriesTotal.name, labels),
  },
  {
    declaration: declared.attemptFailuresTotal,
    // In the order of the declaration, whichever came first.
    render: ({ failures, labels }) =>
      failureReasons
        .filter((reason) => failures.has(reason))
        .map((reason) =>
          sampleText(declared.attemptFailuresTotal.name, `${labels},reason="${reason}"`, failures.get(reason) ?? 0),
        )
        .join(''),
  },
  single(declared.filterErrorsTotal, ({ filterErrors }) => filterErrors),
  single(declared.inFlight, ({ inFlight }) => inFlight),
  single(declared.backlogEvents, ({ pending }) => pending.backlog),
  single(declared.retriesWaiting, ({ pending }) => pending.retrying),
  single(declared.deadLetters, ({ pending }) => pending.deadLettered),
  single(declared.lostEvents, ({ pending }) => pending.lost),
  single(declared.consecutiveFailures, ({ consecutiveFailures }) => consecutiveFailures),
  {
    declaration: declared.condition,
    render: ({ conditions, labels }) =>
      [...conditions]
        .map(([type, status]) => sampleText(declared.condition.name, `${labels},${labelText({ type, status })}`, 1))
        .join(''),
  },
];

/** All Webhooks that this replica serves. */
export class WebhookSeries {
  readonly #perWebhook: PerWebhook;
  readonly #onLost: (reason: LossReason, count: number) => void;
  readonly #webhooks = new Map<string, WebhookMetrics>();
  readonly #namespaces = new Map<string, NamespaceMetrics>();

  constructor(perWebhook: PerWebhook, onLost: (reason: LossReason, count: number) => void) {
    this.#perWebhook = perWebhook;
    this.#onLost = onLost;
  }

  /** The series of a Webhook, made at the first call. A new uid under the same name begins anew. */
  open(identity: WebhookIdentity): WebhookMetrics {
    const key = `${identity.namespace}/${identity.name}`;
    const existing = this.#webhooks.get(key);
    if (existing?.identity.uid === identity.uid) return existing;
    existing?.remove();
    const namespace = this.#namespaces.get(identity.namespace) ?? new NamespaceMetrics(identity.namespace);
    this.#namespaces.set(identity.namespace, namespace);
    namespace.webhooks += 1;
    const metrics = new WebhookMetrics(identity, namespace, {
      lost: this.#onLost,
      removed: () => {
        this.#webhooks.delete(key);
        namespace.webhooks -= 1;
        if (namespace.webhooks === 0) this.#namespaces.delete(identity.namespace);
      },
    });
    this.#webhooks.set(key, metrics);
    return metrics;
  }

  /** The exposition in slices, each to be written in a turn of the event loop of its own. */
  *render(): Generator<string> {
    // Fixed once, so that a Webhook that comes or goes meanwhile never appears twice within one scrape.
    const namespaces = [...this.#namespaces.values()];
    const webhooks = [...this.#webhooks.values()].filter((metrics) => this.#isShown(metrics));
    for (const family of namespaceFamilies) yield* renderFamily(family, namespaces);
    if (this.#perWebhook === 'off') return;
    for (const family of webhookFamilies) {
      yield* renderFamily(family, webhooks);
    }
  }

  #isShown(metrics: WebhookMetrics): boolean {
    return this.#perWebhook === 'all' || (this.#perWebhook === 'failing' && metrics.isFailing);
  }
}

function* renderFamily<T extends object>(family: Family<T>, items: readonly T[]): Generator<string> {
  let text = headText(family.declaration);
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % sliceSize === 0) {
      yield text;
      text = '';
    }
    if (!('removed' in item && item.removed === true)) text += family.render(item);
  }
  yield text;
}
