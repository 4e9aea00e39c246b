import type { WebhookStatus } from '../api/webhook-status.ts';
import type { Resolution } from './resolution.ts';

/** What this process made of a Webhook in one of its slots. */
export interface KnownWebhook {
  readonly key: string;
  readonly slot: number;
  readonly resolution: Resolution;
  /** As it was handed to the status writer last; the cache may be behind it. */
  readonly status?: WebhookStatus | undefined;
}

/** The Webhooks of this process's slots by uid, and the uids under their names that are gone. */
export class KnownWebhooks {
  readonly #byUID = new Map<string, KnownWebhook>();
  readonly #gone = new Map<string, Set<string>>();

  get(uid: string): KnownWebhook | undefined {
    return this.#byUID.get(uid);
  }

  /** @returns what is known from now on; the last status stays. */
  resolved(uid: string, known: Omit<KnownWebhook, 'status'>): KnownWebhook {
    const next = { ...known, status: this.#byUID.get(uid)?.status };
    this.#byUID.set(uid, next);
    return next;
  }

  projected(uid: string, status: WebhookStatus): void {
    const known = this.#byUID.get(uid);
    if (known !== undefined) this.#byUID.set(uid, { ...known, status });
  }

  forget(uid: string): void {
    this.#byUID.delete(uid);
  }

  /** The object with this uid was deleted; its name may belong to another one by now. */
  markGone(key: string, uid: string): void {
    const uids = this.#gone.get(key) ?? new Set();
    this.#gone.set(key, uids.add(uid));
  }

  /** The uids that are gone and not cleared away. */
  gone(key: string): string[] {
    return [...(this.#gone.get(key) ?? [])];
  }

  cleared(key: string, uid: string): void {
    const uids = this.#gone.get(key);
    uids?.delete(uid);
    if (uids?.size === 0) this.#gone.delete(key);
  }
}
