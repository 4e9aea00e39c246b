import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { OperatorError, messageOf } from '../errors.ts';
import { silentLogger, type Logger } from '../logger.ts';
import type { WorkItem, WorkQueue } from './work-queue.ts';

/** An error that no repetition cures: logged and counted, the key is not queued again until something changes. */
export class TerminalError extends OperatorError {
  readonly code = 'WHO_RECONCILE_TERMINAL';
}

/** What a reconcile asks for: nothing, or to be called again after a time. */
export interface ReconcileResult {
  /** 0 = again, with the queue's backoff. */
  readonly requeueAfterMs: number;
}

export interface ReconcileContext {
  readonly logger: Logger;
  /** Aborted when the reconcile has taken too long. */
  readonly signal: AbortSignal;
}

export type Reconcile = (key: string, context: ReconcileContext) => Promise<ReconcileResult | void>;

export const reconcileResults = ['success', 'error', 'requeue', 'requeue_after'] as const;
export type ReconcileOutcome = (typeof reconcileResults)[number];

/** The `controller_runtime_*` metrics of controller-runtime. */
export interface ControllerObserver {
  reconciled(result: ReconcileOutcome, durationSeconds: number): void;
  terminalError(): void;
  /** A defect of the code (TypeError, ReferenceError, …), which is what a panic is in Go. */
  panicked(): void;
  timedOut(): void;
  activeWorkersChanged(active: number): void;
}

export interface ControllerOptions {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly reconcile: Reconcile;
  readonly clock: Clock;
  /** Keys worked on at the same time. Defaults to 1. */
  readonly workers?: number;
  /** After this long the signal of a reconcile is aborted. Defaults to 120 000 ms. */
  readonly timeoutMs?: number;
  readonly logger?: Logger;
  readonly observer?: ControllerObserver;
}

/** Takes keys from a work queue and reconciles them. Nothing that a reconcile does ends it. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #logger: Logger;
  #running: Promise<unknown> | undefined;
  #active = 0;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#logger = (options.logger ?? silentLogger).child({ controller: options.name });
  }

  /** Starts the workers; a second call does nothing. Sync all caches before. */
  start(): void {
    this.#running ??= Promise.all(Array.from({ length: this.#options.workers ?? 1 }, () => this.#work()));
  }

  /** Shuts the queue down and resolves when what waited and what ran is done. */
  async stop(): Promise<void> {
    this.#options.queue.shutDown();
    await this.#running;
  }

  async #work(): Promise<void> {
    const { queue } = this.#options;
    for (let item = await queue.get(); item !== undefined; item = await queue.get()) {
      this.#activeChanged(1);
      try {
        await this.#reconcile(item);
      } finally {
        this.#activeChanged(-1);
        queue.done(item.key);
      }
    }
  }

  async #reconcile({ key, priority }: WorkItem): Promise<void> {
    const { queue, clock, observer, reconcile } = this.#options;
    const startedAt = clock.monotonic();
    const logger = this.#logger.child({ key, reconcileID: randomUUID() });
    const timeout = new AbortController();
    const timer = clock.setTimer(() => {
      observer?.timedOut();
      logger.error('Reconcile took too long');
      timeout.abort();
    }, this.#options.timeoutMs ?? 120_000);

    let result: ReconcileOutcome;
    try {
      const asked = await reconcile(key, { logger, signal: timeout.signal });
      if (asked === undefined) {
        queue.forget(key);
        result = 'success';
      } else if (asked.requeueAfterMs > 0) {
        queue.forget(key);
        queue.addAfter(key, asked.requeueAfterMs, priority);
        result = 'requeue_after';
      } else {
        queue.addRateLimited(key, priority);
        result = 'requeue';
      }
    } catch (error) {
      result = 'error';
      if (isDefect(error)) observer?.panicked();
      logger.error('Reconcile failed', { reason: messageOf(error), error });
      if (error instanceof TerminalError) {
        observer?.terminalError();
        queue.forget(key);
      } else {
        queue.addRateLimited(key, priority);
      }
    } finally {
      clock.clearTimer(timer);
    }
    observer?.reconciled(result, (clock.monotonic() - startedAt) / 1000);
  }

  #activeChanged(by: number): void {
    this.#active += by;
    this.#options.observer?.activeWorkersChanged(this.#active);
  }
}

function isDefect(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
}
