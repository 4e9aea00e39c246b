import type { Clock } from '../clock.ts';
import type { Engine } from '../delivery/engine.ts';
import type { StatusWriter } from '../kubernetes/status-writer.ts';
import type { Catalog } from './catalog.ts';
import type { KnownWebhooks } from './known-webhooks.ts';
import { laneViewOf } from './lane-view.ts';
import { isTransition, projectStatus } from './status-projection.ts';
import type { VerificationDriver } from './verification-driver.ts';

/** Gauges of one Webhook; `ops/WebhookMetrics` is one. */
export interface StatusMetrics {
  setInFlight(count: number): void;
  setConsecutiveFailures(count: number): void;
  setPending(pending: { retrying: number; backlog: number; deadLettered: number; lost: number }): void;
  setConditions(conditions: Iterable<{ readonly type: string; readonly status: string }>): void;
}

export interface StatusPublisherOptions {
  readonly catalog: Pick<Catalog, 'webhook'>;
  readonly known: KnownWebhooks;
  readonly engine: Pick<Engine, 'owns' | 'lane'>;
  readonly driver: Pick<VerificationDriver, 'progress'>;
  readonly statuses: Pick<StatusWriter, 'write' | 'forget'>;
  readonly metrics: (webhook: {
    readonly uid: string;
    readonly namespace: string;
    readonly name: string;
  }) => StatusMetrics;
  readonly clock: Clock;
}

/** Computes the status of a Webhook of ours and hands it to the writer and the gauges. */
export class StatusPublisher {
  readonly #options: StatusPublisherOptions;

  constructor(options: StatusPublisherOptions) {
    this.#options = options;
  }

  /** Ignored for a Webhook that is not ours, or not any more. */
  readonly publish = (uid: string): void => {
    const { catalog, known, engine, driver, statuses, clock } = this.#options;
    const webhook = known.get(uid);
    if (webhook === undefined) return;
    const { key, slot, resolution } = webhook;
    const read = catalog.webhook(key);
    if (!engine.owns(slot)) {
      known.forget(uid);
      statuses.forget(key);
      return;
    }
    if (read?.metadata.uid !== uid) return;
    const lane = engine.lane(uid);
    const previous = webhook.status ?? read.status;
    const status = projectStatus({
      previous,
      resolution,
      lane: lane === undefined ? undefined : laneViewOf(lane),
      verification: driver.progress(uid),
      now: clock.now(),
    });
    known.projected(uid, status);
    statuses.write(key, status, { urgent: isTransition(previous, status) });
    if (lane === undefined) return;
    const metrics = this.#options.metrics({ uid, namespace: resolution.namespace, name: resolution.name });
    metrics.setInFlight(lane.inFlight);
    metrics.setConsecutiveFailures(lane.state.streak);
    metrics.setPending(lane.pending());
    metrics.setConditions(status.conditions ?? []);
  };
}
