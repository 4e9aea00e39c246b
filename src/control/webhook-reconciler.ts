import type { Engine } from '../delivery/engine.ts';
import { ClaimLostError } from '../delivery/slot-claim.ts';
import type { WebhookConfig } from '../delivery/webhook-config.ts';
import type { WebhookLane } from '../delivery/webhook-lane.ts';
import { isVerified } from '../delivery/webhook-state.ts';
import type { Reconcile, ReconcileContext, ReconcileResult } from '../kubernetes/controller.ts';
import { keyOf } from '../kubernetes/kube-object.ts';
import type { Catalog } from './catalog.ts';
import { homeSource } from './home-slot.ts';
import type { KnownWebhooks } from './known-webhooks.ts';
import type { ReadWebhook, Resolution, SecretPort } from './resolution.ts';
import { resolveWebhook } from './resolve-webhook.ts';
import { sameConfig } from './same-config.ts';
import type { VerificationDriver } from './verification-driver.ts';

/** A changed Secret is seen within 30 s: this, its jitter and the age that the reader's answers may have. */
const secretsAgainMs = 20_000;
const readFailedAgainMs = 5_000;
const resyncMs = 600_000;
/** Share of a delay that is added at random, so that webhooks which came together don't stay together. */
const jitter = 0.2;

export interface WebhookReconcilerOptions {
  readonly catalog: Catalog;
  readonly known: KnownWebhooks;
  readonly engine: Pick<Engine, 'slotOf' | 'owns' | 'lane' | 'lanes' | 'upsert' | 'remove'>;
  readonly secrets: SecretPort;
  readonly driver: Pick<VerificationDriver, 'require' | 'cancel'>;
  /** Status is to be computed again. */
  readonly changed: (uid: string) => void;
  /** The Webhook with this key and uid is gone, or another replica's. */
  readonly forgotten: (key: string, uid: string) => void;
  /** Uniform in [0, 1). Defaults to `Math.random`. */
  readonly random?: () => number;
}

/** Brings what the engine knows of a Webhook to what its spec, class and Secrets say, if its slot is ours. */
export class WebhookReconciler {
  readonly #options: WebhookReconcilerOptions;

  constructor(options: WebhookReconcilerOptions) {
    this.#options = options;
  }

  readonly reconcile: Reconcile = async (key, context) => {
    try {
      return await this.#reconcile(key, context);
    } catch (error) {
      // The new owner of the slot goes on from here.
      if (error instanceof ClaimLostError) return undefined;
      throw error;
    }
  };

  async #reconcile(key: string, { logger }: ReconcileContext): Promise<ReconcileResult | void> {
    const { catalog, known, engine, changed } = this.#options;
    for (const uid of known.gone(key)) {
      await this.#remove(key, uid);
      logger.info('Webhook was removed', { uid });
    }
    const webhook = catalog.webhook(key);
    if (webhook === undefined) return undefined;
    const { uid } = webhook.metadata;
    const slot = this.homeSlot(webhook);
    await this.#leaveOtherSlot(uid, slot);
    if (!engine.owns(slot)) {
      this.#forget(key, uid);
      return undefined;
    }
    const resolution = await this.#resolve(webhook);
    const { config } = resolution;
    if (config !== undefined && engine.slotOf(config.source, uid) === slot) {
      const lane = engine.lane(uid);
      if (lane === undefined || !sameConfig(lane.config, config)) await engine.upsert(config);
    }
    this.#verify(uid, config);
    changed(uid);
    return { requeueAfterMs: this.#nextVisitMs(resolution) };
  }

  /**
   * Everything that a new owner of a slot has to know: all of its Webhooks by LISTs that began after the call, the invalid
   * ones too, for what is left out gets no events.
   */
  async loadConfigs(slot: number): Promise<WebhookConfig[]> {
    const { catalog } = this.#options;
    await catalog.relist();
    const mine = [...catalog.allWebhooks()].filter((webhook) => this.homeSlot(webhook) === slot).values();
    const configs: WebhookConfig[] = [];
    const resolveAll = async (): Promise<void> => {
      for (const webhook of mine) {
        const { config } = await this.#resolve(webhook);
        if (config !== undefined) configs.push(config);
      }
    };
    // Secrets are read one by one: in parallel, or a slot with many of them takes long to start.
    await Promise.all(Array.from({ length: 16 }, resolveAll));
    return configs;
  }

  /** The keys of a slot that has just been taken: what changed since the LIST is looked at again, what is gone goes. */
  keysOfSlot(slot: number): string[] {
    const { catalog, engine, known } = this.#options;
    const keys = new Set<string>();
    const live = new Set<string>();
    for (const webhook of catalog.allWebhooks()) {
      live.add(webhook.metadata.uid);
      if (this.homeSlot(webhook) === slot) keys.add(keyOf(webhook.metadata));
    }
    for (const { uid, config } of engine.lanes()) {
      if (live.has(uid)) continue;
      known.markGone(keyOf(config), uid);
      keys.add(keyOf(config));
    }
    return [...keys];
  }

  /** Where a Webhook lives. What this process bound it to counts before its status, which may not be written yet. */
  homeSlot(webhook: ReadWebhook): number {
    const { catalog, known, engine } = this.#options;
    const { uid } = webhook.metadata;
    const bound = known.get(uid)?.resolution.source;
    return engine.slotOf(bound ?? homeSource(webhook, catalog), uid);
  }

  async #resolve(webhook: ReadWebhook): Promise<Resolution> {
    const { catalog, engine, known, secrets } = this.#options;
    const { uid, namespace } = webhook.metadata;
    const slot = this.homeSlot(webhook);
    const previous = known.get(uid)?.resolution;
    const resolution = await resolveWebhook({
      webhook: withBinding(webhook, previous),
      findClass: catalog.findClass,
      defaultClassName: catalog.defaultClassName,
      namespaceLabels: catalog.namespaceLabels(namespace),
      secrets,
      boundOrdered: orderOf(engine.lane(uid)),
      // Only looked at for ordered webhooks, and dear.
      get orderedAdmitted() {
        return catalog.isOrderedAdmitted(uid);
      },
      previous,
    });
    known.resolved(uid, { key: keyOf(webhook.metadata), slot, resolution });
    return resolution;
  }

  /** A class that was found only now may have bound the Webhook to another source, and so to another slot. */
  async #leaveOtherSlot(uid: string, slot: number): Promise<void> {
    const { engine } = this.#options;
    const lane = engine.lane(uid);
    if (lane !== undefined && engine.slotOf(lane.config.source, uid) !== slot) await engine.remove(uid);
  }

  #verify(uid: string, config: WebhookConfig | undefined): void {
    const { engine, driver } = this.#options;
    const lane = engine.lane(uid);
    const wanted =
      lane !== undefined &&
      config?.target !== undefined &&
      // Also while suspended: a user who switched everything off gets no request at all.
      config.hold === undefined &&
      lane.state.verdict === undefined &&
      !isVerified(lane.state, config);
    if (wanted) driver.require(config);
    else driver.cancel(uid);
  }

  #nextVisitMs({ usesSecrets, readFailed }: Resolution): number {
    const { random = Math.random } = this.#options;
    const delayMs = readFailed ? readFailedAgainMs : usesSecrets ? secretsAgainMs : resyncMs;
    return delayMs * (1 + jitter * random());
  }

  async #remove(key: string, uid: string): Promise<void> {
    const { engine, known } = this.#options;
    this.#forget(key, uid);
    await engine.remove(uid);
    known.cleared(key, uid);
  }

  #forget(key: string, uid: string): void {
    const { driver, known, forgotten } = this.#options;
    driver.cancel(uid);
    if (known.get(uid) === undefined) return;
    known.forget(uid);
    forgotten(key, uid);
  }
}

function orderOf(lane: Pick<WebhookLane, 'state'> | undefined): boolean | undefined {
  const mode = lane?.state.mode;
  return mode === undefined ? undefined : mode === 'Ordered';
}

/** What the Webhook was bound to counts also while it is not in its status yet. */
function withBinding(webhook: ReadWebhook, previous: Resolution | undefined): ReadWebhook {
  if (previous === undefined) return webhook;
  const className = webhook.status?.className ?? previous.className;
  const source = webhook.status?.source ?? previous.source;
  return {
    ...webhook,
    status: { ...webhook.status, ...(className && { className }), ...(source && { source }) },
  };
}
