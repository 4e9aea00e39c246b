import type { Dispatcher } from 'undici';
import type { Clock } from '../clock.ts';
import { ApiError, errorFromResponse, isTransient, transportError } from './api-error.ts';
import type { ClusterCredentials, CredentialSource } from './credentials.ts';
import { Deadline } from './deadline.ts';
import type { KubeRequest, Query } from './kube-request.ts';
import { Transport } from './transport.ts';

/** Sees every attempt of every call: the `rest_client_*` metrics of client-go. */
export interface RestClientObserver {
  requestFinished(request: {
    readonly method: string;
    /** GET, LIST, WATCH, APPLY, …: `verb` of the duration histogram. */
    readonly verb: string;
    /** Host and port of the API server. */
    readonly host: string;
    /** The HTTP status, or `<error>` when there was no answer. */
    readonly code: string;
    /** Until the end of the body; for a watch until the response head. */
    readonly durationSeconds: number;
  }): void;
}

export interface KubeClientOptions {
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  readonly observer?: RestClientObserver;
  /** `User-Agent`. Defaults to `webhook-operator`. */
  readonly userAgent?: string;
}

/** Waiting in a call for longer than this is the caller's to decide: the error carries `retryAfterMs`. */
const LONGEST_RETRY_AFTER_MS = 30_000;

interface Attempt {
  readonly method: KubeRequest['method'];
  readonly verb: string;
  readonly url: { readonly origin: string; readonly path: string; readonly host: string };
  readonly headers: Record<string, string>;
  readonly body: string | null;
}

/** Turns requests into HTTP: credentials, deadlines, retries, errors. */
export class ApiCaller {
  readonly #options: KubeClientOptions;
  readonly #clock: Clock;
  readonly #transport = new Transport();
  readonly #pauses = new Set<() => void>();

  constructor(options: KubeClientOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  /** Sends, tries again what the server asks to try again, and returns the parsed body. Rejects with ApiError. */
  async call<T>(request: KubeRequest): Promise<T> {
    let renewedCredentials = false;
    let reconnected = false;
    let retriesLeft = request.retries ?? 4;
    for (;;) {
      try {
        return await this.#attempt<T>(request);
      } catch (error) {
        if (!(error instanceof ApiError) || this.#transport.closed || request.signal?.aborted === true) {
          throw error;
        }
        if (error.status === 401 && !renewedCredentials) {
          renewedCredentials = true;
          this.#options.credentials.invalidate();
        } else if (error.reason === 'ConnectionFailed' && request.method === 'GET' && !reconnected) {
          // An idle connection that the server closed at this moment looks like a failed call.
          reconnected = true;
          this.#options.credentials.invalidate();
        } else if (retriesLeft > 0 && isTransient(error) && shortRetryAfter(error) !== undefined) {
          retriesLeft -= 1;
          await this.#pause(shortRetryAfter(error) ?? 0, request.signal);
        } else {
          if (error.status === 0) this.#options.credentials.invalidate();
          throw error;
        }
      }
    }
  }

  /** Opens a GET whose body is read as it comes. A 401 is tried once more with new credentials, nothing else. */
  async stream(request: {
    readonly path: string;
    readonly query: Query;
    readonly signal: AbortSignal;
    readonly headTimeoutMs: number;
  }): Promise<AsyncIterable<Uint8Array>> {
    try {
      return await this.#open(request);
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 401 && error.status !== 0)) throw error;
      this.#options.credentials.invalidate();
      if (error.status === 0) throw error;
      return await this.#open(request);
    }
  }

  close(): void {
    this.#transport.close();
    for (const wake of this.#pauses) wake();
  }

  async #attempt<T>(request: KubeRequest): Promise<T> {
    const credentials = await this.#credentials();
    const attempt = this.#attemptOf(request, credentials);
    const deadline = new Deadline(this.#clock, request.timeoutMs ?? 15_000, request.signal);
    try {
      const { calls } = this.#transport.for(credentials);
      return await this.#observed(attempt, async () => {
        const response = await send(calls, attempt, deadline.signal);
        const text = await response.body.text();
        if (response.statusCode >= 400) throw this.#errorOf(response, text);
        return { status: response.statusCode, result: JSON.parse(text) as T };
      });
    } catch (error) {
      throw this.#explain(error, deadline);
    } finally {
      deadline.end();
    }
  }

  async #open(request: {
    readonly path: string;
    readonly query: Query;
    readonly signal: AbortSignal;
    readonly headTimeoutMs: number;
  }): Promise<AsyncIterable<Uint8Array>> {
    const credentials = await this.#credentials();
    const attempt = this.#attemptOf({ method: 'GET', verb: 'WATCH', ...request }, credentials);
    const deadline = new Deadline(this.#clock, request.headTimeoutMs, request.signal);
    try {
      const { watches } = this.#transport.for(credentials);
      const body = await this.#observed(attempt, async () => {
        const response = await send(watches, attempt, deadline.signal);
        if (response.statusCode >= 400) throw this.#errorOf(response, await response.body.text());
        return { status: response.statusCode, result: response.body };
      });
      deadline.lift();
      return this.#readable(body, deadline);
    } catch (error) {
      deadline.end();
      throw this.#explain(error, deadline);
    }
  }

  async #credentials(): Promise<ClusterCredentials> {
    if (this.#transport.closed) throw transportError('Aborted', new Error('the client is closed'));
    try {
      return await this.#options.credentials.current();
    } catch (error) {
      throw transportError('CredentialsFailed', error);
    }
  }

  #attemptOf(
    request: Pick<KubeRequest, 'method' | 'path' | 'query' | 'body' | 'contentType' | 'verb'>,
    credentials: ClusterCredentials,
  ): Attempt {
    const server = new URL(credentials.server);
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) search.set(name, String(value));
    }
    const query = search.size === 0 ? '' : `?${search.toString()}`;
    return {
      method: request.method,
      verb: request.verb ?? request.method,
      // A server behind a gateway has a path of its own in front of ours.
      url: {
        origin: server.origin,
        host: server.host,
        path: server.pathname.replace(/\/$/, '') + request.path + query,
      },
      headers: {
        accept: 'application/json',
        'user-agent': this.#options.userAgent ?? 'webhook-operator',
        ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
        ...credentials.headers,
      },
      body: request.body === undefined ? null : JSON.stringify(request.body),
    };
  }

  async #observed<T>(attempt: Attempt, run: () => Promise<{ status: number; result: T }>): Promise<T> {
    const startedAt = this.#clock.monotonic();
    let code = '<error>';
    try {
      const { status, result } = await run();
      code = String(status);
      return result;
    } catch (error) {
      if (error instanceof ApiError && error.status > 0) code = String(error.status);
      throw error;
    } finally {
      this.#options.observer?.requestFinished({
        method: attempt.method,
        verb: attempt.verb,
        host: attempt.url.host,
        code,
        durationSeconds: (this.#clock.monotonic() - startedAt) / 1000,
      });
    }
  }

  #errorOf(response: Dispatcher.ResponseData, text: string): ApiError {
    const header = response.headers['retry-after'];
    const retryAfter = Array.isArray(header) ? header[0] : header;
    return errorFromResponse(response.statusCode, text, retryAfter, this.#clock.now());
  }

  #pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const timer = this.#clock.setTimer(wake, delayMs);
    this.#pauses.add(wake);
    signal?.addEventListener('abort', wake);
    return promise.finally(() => {
      signal?.removeEventListener('abort', wake);
      this.#pauses.delete(wake);
      this.#clock.clearTimer(timer);
    });
  }

  #explain(error: unknown, deadline: Deadline): ApiError {
    if (error instanceof ApiError) return error;
    if (deadline.cause === 'Timeout') {
      return transportError('Timeout', new Error(`nothing came within ${deadline.timeoutMs} ms`));
    }
    const aborted = deadline.cause === 'Aborted' || this.#transport.closed;
    return transportError(aborted ? 'Aborted' : 'ConnectionFailed', error);
  }

  async *#readable(body: AsyncIterable<Uint8Array>, deadline: Deadline): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      throw this.#explain(error, deadline);
    } finally {
      deadline.end();
    }
  }
}

function send(dispatcher: Dispatcher, attempt: Attempt, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  return dispatcher.request({
    origin: attempt.url.origin,
    path: attempt.url.path,
    method: attempt.method,
    headers: attempt.headers,
    body: attempt.body,
    signal,
  });
}

function shortRetryAfter(error: ApiError): number | undefined {
  // The API server always says how long when it sheds load; 1 s is what client-go waits when a proxy forgot to.
  const asked = error.retryAfterMs ?? (error.status === 429 ? 1000 : undefined);
  return asked !== undefined && asked <= LONGEST_RETRY_AFTER_MS ? asked : undefined;
}
