import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { staticCredentials, type CredentialSource } from '../credentials.ts';
import type { KubeObject } from '../kube-object.ts';
import { FakeObjectStore, type FakeChange } from './fake-object-store.ts';

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly isWatch: boolean;
}

/** An open watch, in the test's hands. */
export interface FakeWatch {
  readonly request: FakeRequest;
  /** Writes raw bytes into the stream. */
  write(bytes: string | Uint8Array): Promise<void>;
  event(type: string, object: unknown): Promise<void>;
  /** Ends the response as a server does whose `timeoutSeconds` have passed. */
  end(): void;
  /** Cuts the connection with a TCP reset. */
  reset(): void;
}

/** Answers a request itself by returning true, or lets the server do it by returning false. */
export type Intercept = (request: FakeRequest, response: ServerResponse) => boolean;

/**
 * Enough of an API server for fault injection: any collection, LIST in pages, WATCH from a resource version, create, patch,
 * delete. What is promised about the real one is tested on the real one.
 */
export class FakeApiServer {
  readonly store = new FakeObjectStore();
  readonly requests: FakeRequest[] = [];
  readonly watches: FakeWatch[] = [];
  intercept: Intercept | undefined;
  /** While true, watches stay silent about changes. */
  muted = false;
  #server: Server | undefined;
  #port = 0;
  readonly #sockets = new Set<Socket>();
  /** How many TCP connections were accepted. */
  connections = 0;

  static async start(): Promise<FakeApiServer> {
    const server = new FakeApiServer();
    await server.listen();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get credentials(): CredentialSource {
    return staticCredentials({ server: this.url, headers: { authorization: 'Bearer secret' }, tls: {} });
  }

  countOf(verb: 'LIST' | 'WATCH' | 'GET' | 'POST' | 'PATCH' | 'DELETE'): number {
    return this.requests.filter((request) => verbOf(request) === verb).length;
  }

  get lastWatch(): FakeWatch {
    const watch = this.watches.at(-1);
    if (watch === undefined) throw new Error('no watch is open');
    return watch;
  }

  async listen(): Promise<void> {
    const server = createServer((incoming, response) => void this.#handle(incoming, response));
    server.on('connection', (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Cuts every connection and stops listening; {@link listen} brings it back on the same port. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.watches.length = 0;
    await closed;
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    const request = await readRequest(incoming);
    this.requests.push(request);
    if (this.intercept?.(request, response) === true) return;
    if (request.isWatch) this.#watch(request, response);
    else answer(response, this.store.handle(request));
  }

  #watch(request: FakeRequest, response: ServerResponse): void {
    const from = Number(request.query.get('resourceVersion'));
    if (from < this.store.oldestVersion) {
      answer(response, { status: 410, body: statusObject(410, 'Expired', 'too old resource version') });
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const send = (change: FakeChange): void => {
      if (!this.muted && change.collections.includes(request.path)) {
        response.write(`${JSON.stringify({ type: change.type, object: change.object })}\n`);
      }
    };
    for (const change of this.store.changesSince(from)) send(change);
    const unsubscribe = this.store.subscribe(send);
    const watch = watchHandle(request, response);
    this.watches.push(watch);
    response.once('close', () => {
      unsubscribe();
      const index = this.watches.indexOf(watch);
      if (index >= 0) this.watches.splice(index, 1);
    });
  }
}

export function statusObject(code: number, reason: string, message: string, details?: object): object {
  return { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, reason, message, ...(details && { details }) };
}

export function answer(
  response: ServerResponse,
  { status, body }: { readonly status: number; readonly body: unknown },
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** A minimal object for the fake collections. */
export function fakeObject(namespace: string, name: string, spec: unknown = {}): KubeObject & { spec: unknown } {
  return { apiVersion: 'test.example/v1', kind: 'Thing', metadata: { namespace, name }, spec };
}

function verbOf(request: FakeRequest): string {
  if (request.isWatch) return 'WATCH';
  return request.method === 'GET' && request.query.has('limit') ? 'LIST' : request.method;
}

async function readRequest(incoming: IncomingMessage): Promise<FakeRequest> {
  const url = new URL(incoming.url ?? '/', 'http://fake');
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString('utf8'),
    isWatch: url.searchParams.get('watch') === 'true',
  };
}

function watchHandle(request: FakeRequest, response: ServerResponse): FakeWatch {
  const write = (bytes: string | Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      response.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  return {
    request,
    write,
    event: (type, object) => write(`${JSON.stringify({ type, object })}\n`),
    end: () => response.end(),
    reset: () => response.socket?.resetAndDestroy(),
  };
}
