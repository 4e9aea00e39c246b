import type { Clock, Timer } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { silentLogger, type Logger } from '../logger.ts';
import { hasStatus, isTransient } from './api-error.ts';
import type { KubeClient } from './client.ts';
import { EventSeriesCache, SERIES_IDLE_MS, type EventEntry, type EventInput } from './event-series.ts';
import { EVENTS } from './kube-object.ts';

export interface EventRecorderObserver {
  /** An event was lost: the queue was full, the tries were used up, or the server refused it. */
  dropped(reason: 'QueueFull' | 'TriesExhausted' | 'Refused'): void;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Qualified name of the controller, such as `webhook-operator.dev/operator`. */
  readonly controller: string;
  /** Names the process. */
  readonly instance: string;
  readonly logger?: Logger;
  readonly observer?: EventRecorderObserver;
  /** Uniform in [0, 1). Defaults to `Math.random`. */
  readonly random?: () => number;
}

/** Client-go's numbers. */
const MAX_QUEUE = 1000;
const MAX_TRIES = 12;
const RETRY_MS = 10_000;
const REFRESH_MS = 1_800_000;

/** The recorder itself tries again. */
const CALL = { retries: 0 } as const;

/** What to write: an entry by key, as it is when its turn comes, or one that is already forgotten. */
type Task = { readonly key: string } | { readonly finished: EventEntry };

/**
 * Writes Kubernetes Events (`events.k8s.io/v1`), repetitions as series. Recording never waits and never fails; without an
 * API server events are held for a while and then lost, as they are meant to be.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #cache: EventSeriesCache;
  readonly #queue: Task[] = [];
  #stopping = false;
  #wake: (() => void) | undefined;
  #endPause: (() => void) | undefined;
  #worker: Promise<void> | undefined;
  #finishTimer: Timer | undefined;
  #refreshTimer: Timer | undefined;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#logger = options.logger ?? silentLogger;
    this.#cache = new EventSeriesCache(options.controller, options.instance);
  }

  /** Begins to write; what was recorded before is written now. */
  start(): void {
    if (this.#worker !== undefined) return;
    this.#worker = this.#work();
    this.#scheduleFinish();
    this.#scheduleRefresh();
  }

  record(input: EventInput): void {
    if (this.#stopping) return;
    const key = this.#cache.observe(input, { wall: this.#clock.now(), monotonic: this.#clock.monotonic() });
    if (key !== undefined) this.#enqueue({ key });
  }

  /** Tries once to write what waits, gives up at the first call without an answer, and ends. */
  async stop(): Promise<void> {
    this.#clock.clearTimer(this.#finishTimer);
    this.#clock.clearTimer(this.#refreshTimer);
    this.#stopping = true;
    this.#wake?.();
    this.#endPause?.();
    await this.#worker;
  }

  #enqueue(task: Task): void {
    if (this.#queue.length >= MAX_QUEUE) {
      this.#options.observer?.dropped('QueueFull');
      return;
    }
    this.#queue.push(task);
    this.#wake?.();
  }

  #scheduleFinish(): void {
    this.#finishTimer = this.#clock.setTimer(() => {
      for (const finished of this.#cache.finish(this.#clock.monotonic())) this.#enqueue({ finished });
      this.#scheduleFinish();
    }, SERIES_IDLE_MS);
  }

  #scheduleRefresh(): void {
    this.#refreshTimer = this.#clock.setTimer(() => {
      for (const key of this.#cache.keysToRefresh()) this.#enqueue({ key });
      this.#scheduleRefresh();
    }, REFRESH_MS);
  }

  async #work(): Promise<void> {
    for (;;) {
      const task = this.#queue.shift();
      if (task !== undefined) {
        const answered = await this.#write(task);
        if (!answered && this.#stopping) return;
      } else if (this.#stopping) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    }
  }

  /** False when the API server did not answer. */
  async #write(task: Task): Promise<boolean> {
    for (let tries = 1; ; tries += 1) {
      const entry = 'key' in task ? this.#cache.entry(task.key) : task.finished;
      if (entry === undefined) return true;
      try {
        await this.#send(entry);
        return true;
      } catch (error) {
        const { event } = entry;
        const fields = { reason: event.reason, event: event.metadata.name, message: messageOf(error) };
        if (!isTransient(error)) {
          this.#options.observer?.dropped('Refused');
          this.#logger.error('Event was refused', fields);
          return true;
        }
        if (tries >= MAX_TRIES || this.#stopping) {
          this.#options.observer?.dropped('TriesExhausted');
          this.#logger.info('Event was not written', fields);
          return false;
        }
        await this.#pause();
      }
    }
  }

  async #send({ event, series }: EventEntry): Promise<void> {
    const { client } = this.#options;
    if (series !== undefined) {
      try {
        await client.patch(EVENTS, event.metadata, { series }, { type: 'merge' }, CALL);
        return;
      } catch (error) {
        // Events live for an hour; a series may outlive its object.
        if (!hasStatus(error, 404)) throw error;
      }
    }
    try {
      await client.create(EVENTS, series === undefined ? event : { ...event, series }, CALL);
    } catch (error) {
      // An earlier try whose answer was lost.
      if (!hasStatus(error, 409)) throw error;
    }
  }

  #pause(): Promise<void> {
    const random = this.#options.random ?? Math.random;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(resolve, RETRY_MS * (0.75 + 0.5 * random()));
    this.#endPause = resolve;
    return promise.finally(() => this.#clock.clearTimer(timer));
  }
}
