import type { Clock } from '../clock.ts';
import { hasStatus, isTransient } from './api-error.ts';
import type { KubeClient } from './client.ts';
import { keyOf, SECRETS, type KubeObject } from './kube-object.ts';

/** Without this label, set to `true`, a Secret is none of our business. */
const USABLE_LABEL = 'webhook-operator.dev/usable';

export interface SecretKeyRef {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

export type SecretResult =
  /** One trailing newline was trimmed. */
  | { readonly outcome: 'ok'; readonly value: Buffer }
  /** No such Secret, or it has no such key. */
  | { readonly outcome: 'NotFound'; readonly message: string }
  /** The label is missing, or RBAC says no. */
  | { readonly outcome: 'NotAllowed'; readonly message: string }
  /** Contains control characters. */
  | { readonly outcome: 'Invalid'; readonly message: string };

export interface SecretReaderOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** How long an answer is used without asking again. Defaults to 30 000 ms. */
  readonly maxAgeMs?: number;
}

type Lookup =
  | { readonly outcome: 'ok'; readonly data: Readonly<Record<string, string>> }
  | Exclude<SecretResult, { outcome: 'ok' }>;

interface Cached {
  readonly readAt: number;
  readonly lookup: Lookup;
}

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** How long an answer that nobody asks for is kept, for use while the API server is away. */
const KEEP_UNUSED_MS = 600_000;
/** While the API server does not answer, this long passes between two questions for a Secret that is known. */
const ASK_AGAIN_MS = 5_000;

/** Reads Secrets one by one, when they are needed. Nothing is watched, so no more than what is in use is in memory. */
export class SecretReader {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  readonly #cache = new Map<string, Cached>();
  readonly #usedAt = new Map<string, number>();
  readonly #reading = new Map<string, Promise<Lookup>>();
  #sweptAt: number;

  constructor(options: SecretReaderOptions) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#maxAgeMs = options.maxAgeMs ?? 30_000;
    this.#sweptAt = options.clock.monotonic();
  }

  /** Secrets in memory. */
  get size(): number {
    return this.#cache.size;
  }

  /**
   * Reads one key. While the API server is away the last answer is used further. Rejects with an `ApiError` only when
   * there is none.
   */
  async read(ref: SecretKeyRef): Promise<SecretResult> {
    const lookup = await this.#lookup(ref);
    if (lookup.outcome !== 'ok') return lookup;
    const encoded = Object.hasOwn(lookup.data, ref.key) ? lookup.data[ref.key] : undefined;
    if (encoded === undefined) {
      return { outcome: 'NotFound', message: `Secret ${ref.name} has no key ${ref.key}` };
    }
    const value = trimNewline(Buffer.from(encoded, 'base64'));
    if (value.some((byte) => byte < 0x20 || byte === 0x7f)) {
      return { outcome: 'Invalid', message: `key ${ref.key} of Secret ${ref.name} contains control characters` };
    }
    return { outcome: 'ok', value };
  }

  /** Makes the next {@link read} of this Secret ask the API server. */
  invalidate(namespace: string, name: string): void {
    this.#cache.delete(keyOf({ namespace, name }));
  }

  async #lookup(ref: SecretKeyRef): Promise<Lookup> {
    const key = keyOf({ namespace: ref.namespace, name: ref.name });
    const now = this.#clock.monotonic();
    this.#sweep(now);
    this.#usedAt.set(key, now);
    const cached = this.#cache.get(key);
    if (cached !== undefined && now - cached.readAt < this.#maxAgeMs) return cached.lookup;

    const running = this.#reading.get(key) ?? this.#fetch(key, ref, cached === undefined ? 5_000 : 2_000);
    this.#reading.set(key, running);
    try {
      return await running;
    } catch (error) {
      if (cached === undefined || !isTransient(error)) throw error;
      const readAt = this.#clock.monotonic() - this.#maxAgeMs + ASK_AGAIN_MS;
      this.#cache.set(key, { lookup: cached.lookup, readAt });
      return cached.lookup;
    } finally {
      if (this.#reading.get(key) === running) this.#reading.delete(key);
    }
  }

  async #fetch(key: string, ref: SecretKeyRef, timeoutMs: number): Promise<Lookup> {
    // Before the call: the answer is at least that fresh.
    const readAt = this.#clock.monotonic();
    const lookup = await this.#ask(ref, timeoutMs);
    this.#cache.set(key, { readAt, lookup });
    return lookup;
  }

  async #ask({ namespace, name }: SecretKeyRef, timeoutMs: number): Promise<Lookup> {
    try {
      const secret = await this.#client.get<Secret>(SECRETS, { namespace, name }, { timeoutMs, retries: 0 });
      if (secret.metadata.labels?.[USABLE_LABEL] !== 'true') {
        return { outcome: 'NotAllowed', message: `Secret ${name} is not labelled ${USABLE_LABEL}=true` };
      }
      return { outcome: 'ok', data: secret.data ?? {} };
    } catch (error) {
      if (hasStatus(error, 404)) return { outcome: 'NotFound', message: `Secret ${name} does not exist` };
      if (hasStatus(error, 403)) {
        return { outcome: 'NotAllowed', message: `the operator may not read Secret ${name}` };
      }
      throw error;
    }
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < KEEP_UNUSED_MS) return;
    this.#sweptAt = now;
    for (const [key, usedAt] of this.#usedAt) {
      if (now - usedAt < KEEP_UNUSED_MS) continue;
      this.#usedAt.delete(key);
      this.#cache.delete(key);
    }
  }
}

/** `echo` and editors add a newline that nobody means. */
function trimNewline(value: Buffer): Buffer {
  if (value.at(-1) !== 0x0a) return value;
  return value.subarray(0, value.at(-2) === 0x0d ? -2 : -1);
}
