import type { Clock, Timer } from '../clock.ts';
import type { VerificationResult } from '../delivery/verification.ts';
import type { Target, VerificationMethod, WebhookConfig } from '../delivery/webhook-config.ts';
import type { Verification } from '../delivery/webhook-state.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { FairQueue } from './fair-queue.ts';
import type { VerificationProgress } from './lane-view.ts';
import { verificationDelay, verificationFingerprint } from './verification-schedule.ts';

export interface VerificationDriverOptions {
  /** Asks the URL once; never rejects. */
  readonly verify: (target: Target, method: VerificationMethod) => Promise<VerificationResult>;
  /** Stores that the URL has proved itself. A rejection is tried again by the next {@link VerificationDriver.require}. */
  readonly onVerified: (uid: string, verification: Verification) => Promise<void>;
  readonly onFailed: (uid: string, progress: VerificationProgress) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tries at the same time. Defaults to 1024. */
  readonly concurrency?: number;
  /** Tries at the same time to one host. Defaults to 64. */
  readonly perHost?: number;
}

interface Entry {
  readonly uid: string;
  readonly fingerprint: string;
  config: WebhookConfig;
  progress: VerificationProgress;
  timer: Timer | undefined;
  /** Takes a waiting try back. */
  withdraw: () => void;
}

const notTried: VerificationProgress = { tries: 0, exhausted: false };

/** Tries URLs until they have proved themselves: at once, then by `verificationDelay`. In memory only: a new owner begins anew. */
export class VerificationDriver {
  readonly #options: VerificationDriverOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #queue: FairQueue;

  constructor(options: VerificationDriverOptions) {
    this.#options = options;
    this.#queue = new FairQueue({ total: options.concurrency ?? 1024, perGroup: options.perHost ?? 64 });
  }

  /** Sees to it that the URL of `config` is tried, by what the config says at each try. Needs its target. */
  require(config: WebhookConfig): void {
    const { uid } = config;
    const fingerprint = verificationFingerprint(config);
    const existing = this.#entries.get(uid);
    if (existing?.fingerprint === fingerprint) {
      existing.config = config;
      return;
    }
    this.cancel(uid);
    const entry: Entry = { uid, fingerprint, config, progress: notTried, timer: undefined, withdraw: () => undefined };
    this.#entries.set(uid, entry);
    this.#enqueue(entry);
  }

  /** Nothing is tried any more; a try under way counts for nothing. */
  cancel(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#entries.delete(uid);
    this.#options.clock.clearTimer(entry.timer);
    entry.withdraw();
  }

  /** Undefined when nothing is being tried. */
  progress(uid: string): VerificationProgress | undefined {
    return this.#entries.get(uid)?.progress;
  }

  stop(): void {
    for (const uid of this.#entries.keys()) this.cancel(uid);
  }

  #enqueue(entry: Entry): void {
    entry.withdraw = this.#queue.add(hostOf(entry.config), () => this.#try(entry));
  }

  async #try(entry: Entry): Promise<void> {
    const { verify, clock, onFailed, logger } = this.#options;
    const { uid, config } = entry;
    const { target } = config;
    // Withdrawn, but in the moment in which it began.
    if (target === undefined || !this.#isCurrent(entry)) return;
    const result = await verify(target, config.verification);
    if (!this.#isCurrent(entry)) return;
    if (result.ok) {
      await this.#succeeded(entry, { urlHash: target.urlHash, reason: result.reason, at: clock.now() });
      return;
    }
    const tries = entry.progress.tries + 1;
    const delayMs = verificationDelay(tries);
    const { reason, message } = result;
    entry.progress = {
      tries,
      lastFailure: { reason, message },
      nextTryAt: delayMs === undefined ? undefined : clock.now() + delayMs,
      exhausted: delayMs === undefined,
    };
    if (delayMs !== undefined) entry.timer = clock.setTimer(() => this.#enqueue(entry), delayMs);
    const { namespace, name } = config;
    logger.info('URL was not verified', { namespace, name, reason, message, tries, retryInMilliseconds: delayMs });
    onFailed(uid, entry.progress);
  }

  async #succeeded(entry: Entry, verification: Verification): Promise<void> {
    const { onVerified, logger } = this.#options;
    const { namespace, name } = entry.config;
    try {
      await onVerified(entry.uid, verification);
      logger.info('URL was verified', { namespace, name, reason: verification.reason });
    } catch (error) {
      logger.info('Verification could not be stored', { namespace, name, reason: messageOf(error) });
    }
    // Also when it could not be stored: the next require begins anew.
    if (this.#isCurrent(entry)) this.cancel(entry.uid);
  }

  #isCurrent(entry: Entry): boolean {
    return this.#entries.get(entry.uid) === entry;
  }
}

function hostOf({ target }: WebhookConfig): string {
  const url = target?.url ?? '';
  return URL.canParse(url) ? new URL(url).host : url;
}
