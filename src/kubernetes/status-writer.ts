import type { Clock } from '../clock.ts';
import { silentLogger, type Logger } from '../logger.ts';
import { hasStatus } from './api-error.ts';
import type { KubeClient } from './client.ts';
import { Controller, type ReconcileResult } from './controller.ts';
import { apiVersionOf, refOf, type KubeObject, type ResourceType } from './kube-object.ts';
import { decideStatusWrite, type LastStatusWrite } from './status-decision.ts';
import { WorkQueue } from './work-queue.ts';

type WithStatus = KubeObject & { readonly status?: unknown };

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly type: ResourceType;
  readonly clock: Clock;
  /** The object as the cache has it; undefined when it is gone. */
  readonly read: (key: string) => WithStatus | undefined;
  /** Owns the written fields in server-side apply. */
  readonly fieldManager: string;
  readonly logger?: Logger;
  /** Shortest time between two writes of one object that are not urgent. Defaults to 30 000 ms. */
  readonly minIntervalMs?: number;
  /** Writes at the same time. Defaults to 4. */
  readonly workers?: number;
}

export interface StatusWriteOptions {
  /** A transition that users wait for: written at once. Defaults to false. */
  readonly urgent?: boolean;
}

interface LastWrite extends LastStatusWrite {
  readonly uid: string | undefined;
  readonly version: string | undefined;
  /** Versions known to be older: what we wrote upon, and what earlier writes of ours that the cache lags behind did. */
  readonly supersedes: ReadonlySet<string | undefined>;
}

interface Pending {
  readonly uid: string | undefined;
  readonly desired: object;
  readonly urgent: boolean;
}

/**
 * Brings `.status` to what is desired, by server-side apply on the status subresource, and only when it differs. Writes of
 * one object are coalesced and throttled, transitions are not; what fails is tried again from 250 ms up to 30 s apart.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #minIntervalMs: number;
  readonly #queue: WorkQueue;
  readonly #controller: Controller;
  readonly #pending = new Map<string, Pending>();
  readonly #last = new Map<string, LastWrite>();
  readonly #giveUp = new AbortController();
  #stopping = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#logger = options.logger ?? silentLogger;
    this.#minIntervalMs = options.minIntervalMs ?? 30_000;
    this.#queue = new WorkQueue({ clock: options.clock, baseDelayMs: 250, maxDelayMs: 30_000 });
    this.#controller = new Controller({
      name: `${options.type.kind.toLowerCase()}-status`,
      queue: this.#queue,
      clock: options.clock,
      logger: this.#logger,
      workers: options.workers ?? 4,
      reconcile: (key) => this.#process(key),
    });
  }

  /** Objects whose status is not known to be what is desired. */
  get pending(): number {
    return this.#pending.size;
  }

  start(): void {
    this.#controller.start();
  }

  /**
   * Makes `desired` the whole status of the object that now has this key: what an earlier one had and this one has not is
   * removed. Ignored when the cache has no such object.
   */
  write(key: string, desired: object, options: StatusWriteOptions = {}): void {
    const object = this.#options.read(key);
    if (object === undefined) {
      this.forget(key);
      return;
    }
    const { uid } = object.metadata;
    const before = this.#pending.get(key);
    const urgent = options.urgent === true || (before?.uid === uid && before?.urgent === true);
    this.#pending.set(key, { uid, desired, urgent });
    this.#queue.add(key, urgent ? 'high' : 'low');
  }

  /** Drops everything about a deleted object. */
  forget(key: string): void {
    this.#pending.delete(key);
    this.#last.delete(key);
    this.#queue.forget(key);
  }

  /** Writes what is pending, throttled or not, for at most `graceMs` (defaults to 5 000), and ends. */
  async stop(graceMs = 5_000): Promise<void> {
    this.#stopping = true;
    for (const key of this.#pending.keys()) this.#queue.add(key);
    const timer = this.#clock.setTimer(() => this.#giveUp.abort(), graceMs);
    this.start();
    await this.#controller.stop();
    this.#clock.clearTimer(timer);
  }

  async #process(key: string): Promise<ReconcileResult | void> {
    const pending = this.#pending.get(key);
    if (pending === undefined || this.#giveUp.signal.aborted) return undefined;
    const object = this.#options.read(key);
    if (object === undefined || object.metadata.uid !== pending.uid) {
      // Gone, or another object by now: what was computed for the old one must not reach it.
      this.forget(key);
      return undefined;
    }
    const known = this.#last.get(key);
    const last = known?.uid === pending.uid ? known : undefined;
    const { resourceVersion } = object.metadata;
    const behind = last?.supersedes.has(resourceVersion) === true ? last : undefined;
    const decision = decideStatusWrite({
      desired: pending.desired,
      current: behind === undefined ? object.status : behind.result,
      last,
      urgent: pending.urgent || this.#stopping,
      now: this.#clock.monotonic(),
      minIntervalMs: this.#minIntervalMs,
    });
    if (decision.action === 'wait') return { requeueAfterMs: decision.delayMs };
    if (decision.action === 'write') {
      const base = behind === undefined ? resourceVersion : behind.version;
      await this.#patch(key, pending, new Set([...(behind?.supersedes ?? []), base]), base);
    }
    if (this.#pending.get(key) === pending) this.#pending.delete(key);
    return undefined;
  }

  async #patch(
    key: string,
    { uid, desired }: Pending,
    supersedes: ReadonlySet<string | undefined>,
    resourceVersion: string | undefined,
  ): Promise<void> {
    const { client, type, fieldManager } = this.#options;
    const ref = refOf(key);
    const patch = {
      apiVersion: apiVersionOf(type),
      kind: type.kind,
      // Refused when the object is another by now, which a uid here would not do: the API server ignores it on the status
      // of custom resources.
      metadata: { ...ref, resourceVersion },
      status: desired,
    };
    try {
      const strategy = { type: 'apply', fieldManager, force: true } as const;
      const call = { signal: this.#giveUp.signal, retries: 0 };
      const { metadata, status } = await client.patchStatus<WithStatus>(type, ref, patch, strategy, call);
      const version = metadata.resourceVersion;
      this.#last.set(key, { uid, desired, result: status, at: this.#clock.monotonic(), version, supersedes });
    } catch (error) {
      if (hasStatus(error, 404)) {
        this.forget(key);
      } else if (hasStatus(error, 400) || hasStatus(error, 422)) {
        this.#logger.error('Status was refused', { kind: type.kind, key, error });
      } else {
        // A conflict too: the cache will soon show what came in between.
        throw error;
      }
    }
  }
}
