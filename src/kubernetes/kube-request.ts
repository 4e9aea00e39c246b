export interface CallOptions {
  /** Limit of each attempt, body included, in milliseconds. Defaults to 15 000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** How often a 429, or a 5xx with `Retry-After`, is tried again within the call. Defaults to 4. */
  readonly retries?: number;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface KubeRequest extends CallOptions {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From `/api` or `/apis` on. */
  readonly path: string;
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Defaults to `application/json`. */
  readonly contentType?: string;
  /** The verb in metrics. Defaults to the method. */
  readonly verb?: string;
}
