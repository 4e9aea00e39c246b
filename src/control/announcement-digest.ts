/** Facts that may come in thousands a second, told at most once a minute per webhook, with a count. */
import type { Clock, Timer } from '../clock.ts';
import type { LossReason } from '../delivery/lane-services.ts';
import type { AnnouncedWebhook, Announcement } from './announcement.ts';
import { announceDeadLetters, announceLoss, isOperational, type DeadLetterFact } from './announcements.ts';

const minuteMs = 60_000;

export interface DigestOptions {
  readonly clock: Clock;
  /** Must not throw. */
  readonly announce: (webhook: AnnouncedWebhook, announcement: Announcement) => void;
  /** Shortest time between two announcements about one webhook. Defaults to a minute. */
  readonly intervalMs?: number;
}

interface Entry<F> {
  readonly webhook: AnnouncedWebhook;
  /** Until it fires, what comes is collected. */
  timer: Timer;
  /** In the order that they came. */
  collected: F | undefined;
}

/**
 * Announces the first fact at once, and then, an interval after the last announcement, what has come meanwhile. One state
 * machine per webhook: quiet (no entry), then collecting, until an interval passes without anything new.
 */
class Digest<F> {
  readonly #options: DigestOptions;
  readonly #merge: (collected: F | undefined, fact: F) => F;
  readonly #tell: (webhook: AnnouncedWebhook, collected: F) => Announcement;
  readonly #entries = new Map<string, Entry<F>>();

  constructor(
    options: DigestOptions,
    merge: (collected: F | undefined, fact: F) => F,
    tell: (webhook: AnnouncedWebhook, collected: F) => Announcement,
  ) {
    this.#options = options;
    this.#merge = merge;
    this.#tell = tell;
  }

  /** Webhooks that something was told about within the last interval. */
  get size(): number {
    return this.#entries.size;
  }

  protected collect(webhook: AnnouncedWebhook, fact: F): void {
    const entry = this.#entries.get(webhook.uid);
    if (entry !== undefined) {
      entry.collected = this.#merge(entry.collected, fact);
      return;
    }
    this.#entries.set(webhook.uid, { webhook, timer: this.#startTimer(webhook.uid), collected: undefined });
    this.#announce(webhook, this.#merge(undefined, fact));
  }

  /** The webhook is gone: what is not told yet interests nobody any more. */
  forget(uid: string): void {
    this.#options.clock.clearTimer(this.#entries.get(uid)?.timer);
    this.#entries.delete(uid);
  }

  /** Tells what is collected at once, and ends; for a graceful stop. */
  flush(): void {
    for (const [uid, { webhook, collected }] of this.#entries) {
      this.forget(uid);
      if (collected !== undefined) this.#announce(webhook, collected);
    }
  }

  #startTimer(uid: string): Timer {
    const { clock, intervalMs = minuteMs } = this.#options;
    return clock.setTimer(() => this.#intervalPassed(uid), intervalMs);
  }

  #intervalPassed(uid: string): void {
    const entry = this.#entries.get(uid) as Entry<F>;
    const { collected } = entry;
    if (collected === undefined) {
      this.#entries.delete(uid);
      return;
    }
    entry.collected = undefined;
    entry.timer = this.#startTimer(uid);
    this.#announce(entry.webhook, collected);
  }

  #announce(webhook: AnnouncedWebhook, collected: F): void {
    this.#options.announce(webhook, this.#tell(webhook, collected));
  }
}

interface Counted<F> {
  readonly count: number;
  readonly last: F;
}

interface DeadLetters extends Counted<DeadLetterFact> {
  /** Those that operational events may tell of. */
  readonly announced: Counted<DeadLetterFact> | undefined;
}

/** Dead letters, as Kubernetes Event `DeadLettered` and operational event `deadlettered`. */
export class DeadLetterDigest extends Digest<DeadLetters> {
  constructor(options: DigestOptions) {
    super(
      options,
      (collected, fact) => ({
        count: (collected?.count ?? 0) + fact.count,
        last: fact.last,
        announced:
          fact.announced === undefined
            ? collected?.announced
            : { count: (collected?.announced?.count ?? 0) + 1, last: fact.last },
      }),
      (webhook, { count, last, announced }) =>
        announceDeadLetters(webhook, count, last, announced, options.clock.now()),
    );
  }

  add(webhook: AnnouncedWebhook, last: DeadLetterFact): void {
    const announced = isOperational(last.eventType) ? undefined : { count: 1, last };
    this.collect(webhook, { count: 1, last, announced });
  }
}

/** Lost deliveries, as Kubernetes Event `EventsLost`; of two reasons the last one is named. */
export class LossDigest extends Digest<Counted<LossReason>> {
  constructor(options: DigestOptions) {
    super(
      options,
      (collected, fact) => ({ count: (collected?.count ?? 0) + fact.count, last: fact.last }),
      (_webhook, { count, last }) => announceLoss(last, count),
    );
  }

  add(webhook: AnnouncedWebhook, reason: LossReason, count: number): void {
    this.collect(webhook, { count, last: reason });
  }
}
