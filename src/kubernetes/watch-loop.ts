import type { Clock, Timer } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { ApiError, errorFromStatusObject } from './api-error.ts';
import { Backoff } from './backoff.ts';
import type { KubeClient, Selection } from './client.ts';
import type { KubeObject, ResourceType } from './kube-object.ts';
import { deepFreeze, type ObjectCache } from './object-cache.ts';
import { parseWatchEvent, type WatchEvent } from './watch-event.ts';

/** Why a watch, or the LIST before it, had to start again. */
export type WatchRestartReason =
  | 'closed'
  | 'expired'
  | 'inactive'
  | 'overdue'
  | 'throttled'
  | 'unauthorized'
  | 'connection'
  | 'relist'
  | 'error';

/** Metrics of a reflector. */
export interface ReflectorObserver {
  watchRestarted(kind: string, reason: WatchRestartReason): void;
  /** An event type that we don't know was skipped. */
  unknownEvent(kind: string, type: string): void;
}

export interface WatchLoopOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly type: ResourceType;
  readonly selection: Selection;
  readonly cache: ObjectCache<T>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer?: ReflectorObserver | undefined;
  /** Applied to every object before it is kept. */
  readonly transform: (object: T) => T;
  readonly random: () => number;
}

/** No byte for this long and the connection counts as dead: bookmarks come about once a minute, but are not promised. */
const INACTIVE_AFTER_MS = 180_000;
/** A watch that outlives what it asked for by this much counts as wedged. */
const OVERDUE_AFTER_MS = 30_000;
/** A watch that lived this long and was closed by the server starts again at once. */
const HEALTHY_WATCH_MS = 5_000;

/** LIST, then WATCH, for ever, for one namespace or all: keeps its part of the cache equal to the API server. */
export class WatchLoop<T extends KubeObject> {
  readonly #options: WatchLoopOptions<T>;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #listing = new AbortController();
  #stopping = false;
  /** Each resolves with the start time of the first LIST that begins after it was put here. */
  #waiting: ((startedAt: number) => void)[] = [];
  #resourceVersion: string | undefined;
  #listedAt: number | undefined;
  #lastActivityAt: number;
  #watch: AbortController | undefined;
  #endReason: WatchRestartReason | undefined;
  #listFailed = false;
  #wake: (() => void) | undefined;

  constructor(options: WatchLoopOptions<T>) {
    this.#options = options;
    this.#clock = options.clock;
    this.#lastActivityAt = options.clock.monotonic();
    // The values of client-go's reflector.
    this.#backoff = new Backoff({ baseMs: 800, capMs: 30_000, resetAfterMs: 120_000, random: options.random });
  }

  /** When the LIST that the cache stands on began, on the monotonic clock; undefined before the first. */
  get lastConsistentListStartedAt(): number | undefined {
    return this.#listedAt;
  }

  /** When the last byte came, on the monotonic clock. */
  get lastActivityAt(): number {
    return this.#lastActivityAt;
  }

  /** Resolves when {@link stop} was called and nothing runs any more. Never rejects. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      try {
        if (this.#resourceVersion === undefined || this.#waiting.length > 0) await this.#list();
        await this.#watchOnce();
      } catch (error) {
        if (this.#stopping) return;
        await this.#recover(error);
      }
    }
  }

  stop(): void {
    this.#stopping = true;
    this.#listing.abort();
    this.#watch?.abort();
    this.#wake?.();
  }

  /** Resolves with the start time of a LIST that began after this call, once the cache is equal to it. */
  relist(): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#waiting.push(resolve);
    this.#endWatch('relist');
    // A watch that fails is no reason to wait with a LIST; a LIST that fails is.
    if (!this.#listFailed) this.#wake?.();
    return promise;
  }

  async #list(): Promise<void> {
    const { client, type, selection, cache, transform } = this.#options;
    const waiting = this.#waiting;
    this.#waiting = [];
    const startedAt = this.#clock.monotonic();
    try {
      const items: T[] = [];
      let resourceVersion = '';
      for await (const page of client.listPages<T>(type, { ...selection, signal: this.#listing.signal })) {
        // Frozen page by page: ten thousand objects at once would hold up the event loop.
        for (const item of page.items) items.push(deepFreeze(transform(item)));
        resourceVersion = page.resourceVersion;
      }
      cache.replace(selection.namespace, items);
      this.#resourceVersion = resourceVersion;
      this.#listedAt = startedAt;
      this.#lastActivityAt = this.#clock.monotonic();
      this.#listFailed = false;
    } catch (error) {
      this.#listFailed = true;
      this.#waiting = [...waiting, ...this.#waiting];
      throw error;
    }
    for (const resolve of waiting) resolve(startedAt);
  }

  /** Returns when the watch ended as it should; throws when something is wrong. */
  async #watchOnce(): Promise<void> {
    const { client, type, selection, random } = this.#options;
    if (this.#waiting.length > 0 || this.#stopping || this.#resourceVersion === undefined) return;
    const startedAt = this.#clock.monotonic();
    // Spread, so that the watches of many replicas don't end together.
    const timeoutSeconds = Math.round(300 * (1 + random()));
    const watch = new AbortController();
    this.#watch = watch;
    this.#endReason = undefined;
    const timers = this.#watchdogs(timeoutSeconds);
    try {
      const lines = await client.watch(type, {
        ...selection,
        resourceVersion: this.#resourceVersion,
        timeoutSeconds,
        signal: watch.signal,
        onActivity: timers.onActivity,
      });
      for await (const line of lines) {
        this.#apply(parseWatchEvent<T>(line));
        // What is still buffered of an aborted watch must not follow a newer LIST.
        if (watch.signal.aborted) break;
      }
    } catch (error) {
      if (this.#endReason === undefined) throw error;
    } finally {
      timers.clear();
      this.#watch = undefined;
    }
    await this.#ended(this.#clock.monotonic() - startedAt);
  }

  async #ended(livedMs: number): Promise<void> {
    if (this.#stopping) return;
    const reason = this.#endReason ?? 'closed';
    this.#restarted(reason);
    const healthy = reason === 'relist' || (reason === 'closed' && livedMs > HEALTHY_WATCH_MS);
    if (!healthy) await this.#pause(this.#backoff.next(this.#clock.monotonic()));
  }

  #apply(event: WatchEvent<T>): void {
    const { cache, transform, type, logger, observer } = this.#options;
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED':
        cache.set(transform(event.object));
        this.#resourceVersion = event.object.metadata.resourceVersion;
        break;
      case 'DELETED':
        cache.delete(event.object);
        this.#resourceVersion = event.object.metadata.resourceVersion;
        break;
      case 'BOOKMARK':
        this.#resourceVersion = event.resourceVersion;
        break;
      case 'ERROR':
        throw errorFromStatusObject(event.object);
      case 'UNKNOWN':
        observer?.unknownEvent(type.kind, event.name);
        logger.info('Watch event of an unknown type was skipped', { kind: type.kind, type: event.name });
        break;
    }
  }

  async #recover(error: unknown): Promise<void> {
    const reason = reasonOf(error);
    // A lost connection or a busy server says nothing about our position; everything else starts from a LIST.
    if (reason !== 'connection' && reason !== 'throttled') this.#resourceVersion = undefined;
    this.#restarted(reason);
    const { logger, type, selection } = this.#options;
    const now = this.#clock.monotonic();
    const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
    // The first 410 is no fault of anybody: history is short. Repeated ones back off like the rest.
    const delayMs = Math.max(asked, this.#backoff.next(now));
    const fields = { kind: type.kind, namespace: selection.namespace, reason, retryInMs: Math.round(delayMs) };
    if (reason === 'expired') logger.debug('Watch expired', fields);
    else logger.info('Watch failed', { ...fields, message: messageOf(error) });
    await this.#pause(delayMs);
  }

  #watchdogs(timeoutSeconds: number): { onActivity: () => void; clear: () => void } {
    let inactivity: Timer | undefined;
    const arm = (): void => {
      this.#clock.clearTimer(inactivity);
      inactivity = this.#clock.setTimer(() => this.#endWatch('inactive'), INACTIVE_AFTER_MS);
    };
    const overdue = this.#clock.setTimer(() => this.#endWatch('overdue'), timeoutSeconds * 1000 + OVERDUE_AFTER_MS);
    arm();
    return {
      onActivity: () => {
        this.#lastActivityAt = this.#clock.monotonic();
        arm();
      },
      clear: () => {
        this.#clock.clearTimer(inactivity);
        this.#clock.clearTimer(overdue);
      },
    };
  }

  #endWatch(reason: WatchRestartReason): void {
    if (this.#watch === undefined) return;
    this.#endReason ??= reason;
    this.#watch.abort();
  }

  #restarted(reason: WatchRestartReason): void {
    this.#options.observer?.watchRestarted(this.#options.type.kind, reason);
  }

  #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#stopping) resolve();
    const timer = this.#clock.setTimer(resolve, delayMs);
    this.#wake = resolve;
    return promise.finally(() => {
      this.#clock.clearTimer(timer);
      this.#wake = undefined;
    });
  }
}

function reasonOf(error: unknown): WatchRestartReason {
  if (!(error instanceof ApiError)) return 'error';
  if (error.status === 0) return 'connection';
  if (error.status === 401) return 'unauthorized';
  if (error.status === 410) return 'expired';
  if (error.status === 429) return 'throttled';
  return 'error';
}
