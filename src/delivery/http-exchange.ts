import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Clock } from '../clock.ts';
import type { IncompleteBody, OutgoingRequest, RequestResult } from './attempt.ts';
import { faultOf, type GivenUp, type HTTPFault, isReset, timeoutFault } from './http-faults.ts';
import type { HTTPTarget } from './http-target.ts';

/** What an exchange needs from the sender that runs it. */
export interface ExchangeHost {
  readonly clock: Clock;
  dispatch(exchange: HTTPExchange, request: OutgoingRequest, target: HTTPTarget): void;
  /** Whether the rest of a body may be read after its request is settled; counted until {@link closed}. */
  mayDrain(): boolean;
  /** The exchange has no socket any more. */
  closed(exchange: HTTPExchange, wasDraining: boolean): void;
}

const defaultMaxResponseBytes = 4096;
/** What is read of a body that nobody wants: closing the socket would cost more than a short rest. */
const maxDrainBytes = 65_536;
const maxDrainMs = 1000;

const abandoned = new Error('abandoned');
const usedSockets = new WeakSet<object>();

/** One request from its dispatch until its socket is free or destroyed; undici's handler for it. */
export class HTTPExchange implements Dispatcher.DispatchHandler {
  /** The one that undici is about to write. */
  static #starting: HTTPExchange | undefined;

  readonly #host: ExchangeHost;
  readonly #request: OutgoingRequest;
  readonly #target: HTTPTarget;
  readonly #startedAt: number;
  #connectDeadline: number;
  #deadline: number;
  /** Undefined once settled. */
  #resolve: ((result: RequestResult) => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #isRetry = false;
  #onUsedSocket = false;
  #responseBegan = false;
  /** 0 before the final response's headers. */
  #statusCode = 0;
  #headers: Readonly<Record<string, string>> = {};
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #isDraining = false;
  #isClosed = false;

  constructor(
    host: ExchangeHost,
    request: OutgoingRequest,
    target: HTTPTarget,
    resolve: (result: RequestResult) => void,
  ) {
    this.#host = host;
    this.#request = request;
    this.#target = target;
    this.#resolve = resolve;
    this.#startedAt = host.clock.monotonic();
    this.#deadline = this.#startedAt + request.totalTimeoutMs;
    this.#connectDeadline = this.#startedAt + request.connectTimeoutMs;
  }

  /** Called for each request that undici is about to write, with its socket. */
  static sending(socket: object): void {
    const exchange = HTTPExchange.#starting;
    if (exchange !== undefined) exchange.#onUsedSocket = usedSockets.has(socket);
    HTTPExchange.#starting = undefined;
    usedSockets.add(socket);
  }

  start(): void {
    try {
      this.#host.dispatch(this, this.#request, this.#target);
    } catch (error) {
      this.onResponseError(undefined, error);
    }
  }

  /** Gives up what is over its deadline. */
  sweep(now: number): void {
    const isConnected = this.#controller !== undefined;
    if (now < (isConnected ? this.#deadline : Math.min(this.#deadline, this.#connectDeadline))) return;
    if (this.#statusCode !== 0) this.#settleResponse('Timeout');
    const phase: GivenUp = !isConnected ? 'NotConnected' : this.#responseBegan ? 'HeadersIncomplete' : 'NotAnswered';
    const { connectTimeoutMs, totalTimeoutMs } = this.#request;
    const limitMs = isConnected ? totalTimeoutMs : Math.min(connectTimeoutMs, totalTimeoutMs);
    this.#settleFault(timeoutFault(phase, limitMs, this.#target.authority));
    this.#abandon();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Given up while it waited for a connection. Throwing here keeps the connection; aborting would destroy it.
    if (this.#isClosed) throw abandoned;
    this.#controller = controller;
    HTTPExchange.#starting = this;
  }

  onResponseStarted(): void {
    this.#responseBegan = true;
  }

  onResponseStart(_: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    if (statusCode < 200) return;
    this.#statusCode = statusCode;
    this.#headers = flatten(headers);
    if (statusCode < 300 && this.#request.maxResponseBytes === undefined) {
      this.#settleResponse(undefined);
      this.#drain();
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    const limit = this.#isDraining ? maxDrainBytes : (this.#request.maxResponseBytes ?? defaultMaxResponseBytes);
    const room = limit - this.#bytes;
    this.#bytes += chunk.byteLength;
    if (!this.#isDraining) this.#chunks.push(chunk.byteLength > room ? chunk.subarray(0, room) : chunk);
    if (chunk.byteLength <= room) return;
    if (this.#isDraining) {
      this.#abandon();
      return;
    }
    this.#settleResponse('Limit');
    this.#drain();
  }

  onResponseEnd(): void {
    this.#settleResponse(undefined);
    this.#close();
  }

  onResponseError(_: Dispatcher.DispatchController | undefined | null, error: unknown): void {
    if (this.#resolve === undefined) {
      this.#close();
    } else if (this.#statusCode !== 0) {
      this.#settleResponse('Reset');
      this.#close();
    } else if (this.#isStaleSocket(error)) {
      this.#isRetry = true;
      this.#controller = undefined;
      this.#connectDeadline = this.#host.clock.monotonic() + this.#request.connectTimeoutMs;
      // Not from within undici's handling of the broken socket.
      queueMicrotask(() => this.start());
    } else {
      this.#settleFault(faultOf(error, this.#target.authority));
      this.#close();
    }
  }

  /**
   * The receiver closed an idle connection in the moment in which this request went out on it. The same request goes out
   * once more at once, in the same attempt and under the same deadline.
   */
  #isStaleSocket(error: unknown): boolean {
    return this.#onUsedSocket && !this.#isRetry && !this.#responseBegan && isReset(error);
  }

  #settleResponse(incomplete: IncompleteBody | undefined): void {
    this.#resolve?.({
      kind: 'Response',
      statusCode: this.#statusCode,
      headers: this.#headers,
      body: this.#chunks.length === 0 ? noBytes : Buffer.concat(this.#chunks),
      ...(incomplete === undefined ? undefined : { incomplete }),
      durationMs: this.#elapsed(),
    });
    this.#resolve = undefined;
  }

  #settleFault({ reason, message }: HTTPFault): void {
    this.#resolve?.({ kind: 'Error', reason, message, durationMs: this.#elapsed() });
    this.#resolve = undefined;
  }

  /** Reads the rest of the body so that the socket can be used again, unless that takes too long. */
  #drain(): void {
    this.#isDraining = this.#host.mayDrain();
    this.#deadline = Math.min(this.#deadline, this.#host.clock.monotonic() + maxDrainMs);
    if (!this.#isDraining) this.#abandon();
  }

  #abandon(): void {
    this.#close();
    this.#controller?.abort(abandoned);
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#host.closed(this, this.#isDraining);
  }

  #elapsed(): number {
    return this.#host.clock.monotonic() - this.#startedAt;
  }
}

const noBytes = new Uint8Array(0);

function flatten(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const flat: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return flat;
}
