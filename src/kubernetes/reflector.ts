import type { Clock } from '../clock.ts';
import { silentLogger, type Logger } from '../logger.ts';
import type { KubeClient } from './client.ts';
import type { KubeObject, ResourceType } from './kube-object.ts';
import { ObjectCache, type ChangeHandler } from './object-cache.ts';
import { WatchLoop, type ReflectorObserver } from './watch-loop.ts';

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly type: ResourceType;
  readonly clock: Clock;
  /**
   * Watches only these, each on its own. Defaults to all namespaces in one watch, also when empty. Ignored for
   * cluster-scoped kinds.
   */
  readonly namespaces?: readonly string[] | undefined;
  readonly labelSelector?: string | undefined;
  readonly logger?: Logger;
  readonly observer?: ReflectorObserver;
  /** Applied to every object before it is kept. Defaults to dropping `metadata.managedFields`, often half of the bytes. */
  readonly transform?: (object: T) => T;
  /** Uniform in [0, 1). Defaults to `Math.random`. */
  readonly random?: () => number;
}

/**
 * A local copy of all objects of one kind, kept current by LIST and WATCH through every fault of network and server. It
 * never gives up: without the API server it holds what it last knew. Objects are deeply frozen.
 */
export class Reflector<T extends KubeObject> {
  readonly kind: string;
  readonly #clock: Clock;
  readonly #cache: ObjectCache<T>;
  readonly #loops: readonly WatchLoop<T>[];
  readonly #synced: Promise<void>;
  #running: Promise<unknown> | undefined;

  constructor(options: ReflectorOptions<T>) {
    const { client, type, clock, observer, labelSelector } = options;
    const logger = options.logger ?? silentLogger;
    this.kind = type.kind;
    this.#clock = clock;
    this.#cache = new ObjectCache<T>(logger);
    const named = type.namespaced ? (options.namespaces ?? []) : [];
    const namespaces = named.length === 0 ? [undefined] : [...new Set(named)];
    this.#loops = namespaces.map(
      (namespace) =>
        new WatchLoop<T>({
          client,
          type,
          selection: { namespace, labelSelector },
          cache: this.#cache,
          clock,
          logger,
          observer,
          transform: options.transform ?? withoutManagedFields,
          random: options.random ?? Math.random,
        }),
    );
    this.#synced = this.relist().then(() => undefined);
  }

  /** Starts watching; a second call does nothing. */
  start(): void {
    this.#running ??= Promise.all(this.#loops.map((loop) => loop.run()));
  }

  /** Resolves when no handler will be called any more. The cache stays readable. */
  async stop(): Promise<void> {
    for (const loop of this.#loops) loop.stop();
    await this.#running;
  }

  /** `key` is `namespace/name`, or `name` for cluster-scoped kinds. */
  get(key: string): T | undefined {
    return this.#cache.get(key);
  }

  list(): readonly T[] {
    return this.#cache.values();
  }

  get size(): number {
    return this.#cache.size;
  }

  /** True once every namespace was listed. Stays true. */
  hasSynced(): boolean {
    return this.lastConsistentListStartedAt !== undefined;
  }

  waitForSync(): Promise<void> {
    return this.#synced;
  }

  /**
   * Handlers run in the order of the changes and must only enqueue; until {@link hasSynced} they are told of what was
   * there before the start, which deserves low priority. Returns a function that ends the subscription.
   */
  onChange(handler: ChangeHandler<T>): () => void {
    return this.#cache.onChange(handler);
  }

  /**
   * A live LIST: resolves when the cache holds a consistent read that began after this call, with the time on the
   * monotonic clock at which it began. Pending while the API server is away and after {@link stop}.
   */
  async relist(): Promise<number> {
    const startTimes = await Promise.all(this.#loops.map((loop) => loop.relist()));
    return Math.min(...startTimes);
  }

  /** When the oldest of the LISTs that the cache stands on began, on the monotonic clock; undefined before the first. */
  get lastConsistentListStartedAt(): number | undefined {
    const times = this.#loops.map((loop) => loop.lastConsistentListStartedAt);
    return times.some((time) => time === undefined) ? undefined : Math.min(...(times as number[]));
  }

  /** Seconds since the quietest of the watches received a byte; bookmarks keep it near a minute on a healthy one. */
  lastEventAgeSeconds(): number {
    const oldest = Math.min(...this.#loops.map((loop) => loop.lastActivityAt));
    return (this.#clock.monotonic() - oldest) / 1000;
  }
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata as T['metadata'] & { readonly managedFields?: unknown };
  return { ...object, metadata };
}
