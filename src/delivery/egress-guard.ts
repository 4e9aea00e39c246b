/**
 * Tells an outage of our own way out from broken receivers: while many webhooks on many hosts fail at network
 * level at once, none must be disabled for it.
 */
import type { FailureReason } from './attempt.ts';

const windowMs = 60_000;
const minHosts = 10;
const suspectedShare = 0.2;

const networkReasons: ReadonlySet<FailureReason> = new Set<FailureReason>([
  'Timeout',
  'ConnectionRefused',
  'ConnectionReset',
  'ConnectionFailed',
  'TLSError',
  'DNSError',
]);

/** Whether a failure could just as well be our own network's. */
export function isNetworkFailure(reason: FailureReason): boolean {
  return networkReasons.has(reason);
}

interface Host {
  readonly name: string;
  /** Webhooks whose last failure was there. */
  webhooks: number;
}

interface Failure {
  readonly host: Host;
  readonly at: number;
}

export class EgressGuard {
  readonly #now: () => number;
  /** The last failure of each webhook that has had no answer since, oldest first. */
  readonly #failures = new Map<string, Failure>();
  readonly #hosts = new Map<string, Host>();

  /** @param now Monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  recordNetworkFailure(uid: string, host: string): void {
    // Taken out first: a Map keeps the place of a key that is set again.
    this.forget(uid);
    const failing = this.#hosts.get(host) ?? { name: host, webhooks: 0 };
    failing.webhooks += 1;
    this.#hosts.set(host, failing);
    this.#failures.set(uid, { host: failing, at: this.#now() });
    this.#dropOld();
  }

  /** Any answer of the receiver, an error too, shows that the way to it is open. */
  recordAnswer(uid: string): void {
    if (this.#failures.size > 0) this.forget(uid);
  }

  /** The webhook is gone, or this replica no longer delivers for it. */
  forget(uid: string): void {
    const failure = this.#failures.get(uid);
    if (failure === undefined) return;
    this.#failures.delete(uid);
    failure.host.webhooks -= 1;
    if (failure.host.webhooks === 0) this.#hosts.delete(failure.host.name);
  }

  /** @param activeWebhooks How many webhooks this replica delivers for. */
  suspected(activeWebhooks: number): boolean {
    this.#dropOld();
    return this.#hosts.size >= minHosts && this.#failures.size > activeWebhooks * suspectedShare;
  }

  #dropOld(): void {
    const oldest = this.#now() - windowMs;
    for (const [uid, failure] of this.#failures) {
      if (failure.at > oldest) return;
      this.forget(uid);
    }
  }
}
