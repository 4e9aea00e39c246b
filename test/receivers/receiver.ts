import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTLSServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Certificate } from './certificates.ts';

/** A request as it arrived. */
export interface ReceivedRequest {
  /** `Date.now()` when its last byte was here. */
  readonly time: number;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Names in lower case, several values joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** `webhook-id`; the empty string without one. */
  readonly eventID: string;
  /** Counts the connections of the receiver from 1: requests with the same number came over the same connection. */
  readonly connection: number;
}

/**
 * What a receiver does with a request.
 * - `respond`: status 200, no headers and no body unless given; `delayMs` before the first byte; `informational` are status
 *   codes of interim responses before it; `closeConnection` ends the connection after it.
 * - `challenge`: echoes `challenge` of a JSON body, and answers 200 to all else.
 * - `handshake`: answers OPTIONS with `WebHook-Allowed-Origin`, by default the origin that asks.
 * - `hang`: reads the request and never answers. `closeWithoutAnswer`: a FIN instead of an answer. `reset`: a RST.
 * - `dripHeaders`, `dripBody`: one byte each `intervalMs`, without end.
 * - `endlessBody`: chunks as fast as they are read.
 * - `resetInBody`: the headers, `bytes` of a longer body, then a RST.
 * - `raw`: these bytes, whether they are HTTP or not; then the connection ends.
 */
export type Behaviour =
  | {
      readonly kind: 'respond';
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
      readonly delayMs?: number;
      readonly informational?: readonly number[];
      readonly closeConnection?: boolean;
    }
  | { readonly kind: 'challenge' }
  | { readonly kind: 'handshake'; readonly allowedOrigin?: string }
  | { readonly kind: 'hang' }
  | { readonly kind: 'closeWithoutAnswer' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'dripHeaders'; readonly status?: number; readonly intervalMs: number }
  | { readonly kind: 'dripBody'; readonly status?: number; readonly intervalMs: number }
  | { readonly kind: 'endlessBody'; readonly status?: number }
  | { readonly kind: 'resetInBody'; readonly status?: number; readonly bytes: number }
  | { readonly kind: 'raw'; readonly bytes: string | Uint8Array };

export type Script = (request: ReceivedRequest) => Behaviour;

export interface ReceiverOptions {
  /** Defaults to 127.0.0.1. */
  readonly host?: string;
  /** Defaults to a free one. */
  readonly port?: number;
  /** Makes it an HTTPS receiver. */
  readonly tls?: Certificate;
  /** How long an idle connection is kept open. Defaults to a minute. */
  readonly keepAliveTimeoutMs?: number;
}

/** A webhook receiver on a real socket that does what its script says and remembers all it got. */
export interface Receiver {
  /** Without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly requests: readonly ReceivedRequest[];
  /** How often each event id arrived. */
  readonly counts: ReadonlyMap<string, number>;
  readonly connectionCount: number;
  readonly openConnections: number;
  /** Replaces what it does with all requests whose path has no behaviour of its own. At first it is `challenge`. */
  answer(script: Script | Behaviour): void;
  /** What it does with the requests to one path (without query). */
  answerPath(path: string, script: Script | Behaviour): void;
  /** Resolves with all requests once there are `count` of them; rejects after `timeoutMs` (5 seconds by default). */
  waitForRequests(count: number, timeoutMs?: number): Promise<readonly ReceivedRequest[]>;
  /** Forgets requests and counts. */
  forget(): void;
  /** Resets every open connection, whatever it is doing. */
  resetConnections(): void;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const { host = '127.0.0.1', port = 0, tls, keepAliveTimeoutMs = 60_000 } = options;
  const requests: ReceivedRequest[] = [];
  const counts = new Map<string, number>();
  const scripts = new Map<string, Script>();
  const sockets = new Map<Socket, number>();
  const arrivals = new Set<() => void>();
  let fallback: Script = () => ({ kind: 'challenge' });
  const tcpSockets = new Map<number, Socket>();
  let connectionCount = 0;

  const reset = (socket: Socket): void => {
    const tcp = tcpSockets.get(portOf(socket));
    if (tcp !== undefined && !tcp.destroyed) tcp.resetAndDestroy();
    socket.destroy();
  };

  const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('error', () => response.destroy());
    message.on('end', () => {
      const request = received(message, Buffer.concat(chunks), sockets.get(message.socket) ?? 0);
      requests.push(request);
      counts.set(request.eventID, (counts.get(request.eventID) ?? 0) + 1);
      for (const arrival of arrivals) arrival();
      const script = scripts.get(request.path.replace(/\?.*/, '')) ?? fallback;
      perform(script(request), request, response, reset);
    });
  };
  const server: Server = tls === undefined ? createServer(onRequest) : createTLSServer({ ...tls }, onRequest);
  server.keepAliveTimeout = keepAliveTimeoutMs;
  // Node adds a second of its own to what it tells the client.
  server.keepAliveTimeoutBuffer = 0;
  server.requestTimeout = 0;
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    connectionCount += 1;
    sockets.set(socket, connectionCount);
    const port = portOf(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      tcpSockets.delete(port);
    });
    socket.on('error', () => socket.destroy());
  });
  // A RST can only be sent by the TCP socket below a TLS one.
  server.on('connection', (socket: Socket) => tcpSockets.set(portOf(socket), socket));
  server.on('clientError', (_, socket) => socket.destroy());
  server.listen(port, host);
  await once(server, 'listening');

  const address = server.address() as AddressInfo;
  const literal = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${literal}:${address.port}`,
    port: address.port,
    requests,
    counts,
    get connectionCount() {
      return connectionCount;
    },
    get openConnections() {
      return sockets.size;
    },
    answer(script) {
      fallback = asScript(script);
    },
    answerPath(path, script) {
      scripts.set(path, asScript(script));
    },
    waitForRequests(count, timeoutMs = 5000) {
      return new Promise((resolve, reject) => {
        const check = (): void => {
          if (requests.length < count) return;
          clearTimeout(timer);
          arrivals.delete(check);
          resolve(requests);
        };
        const timer = setTimeout(() => {
          arrivals.delete(check);
          reject(new Error(`${requests.length} of ${count} requests arrived within ${timeoutMs} ms`));
        }, timeoutMs);
        arrivals.add(check);
        check();
      });
    },
    forget() {
      requests.length = 0;
      counts.clear();
    },
    resetConnections() {
      for (const socket of sockets.keys()) reset(socket);
    },
    async close() {
      server.closeAllConnections();
      for (const socket of sockets.keys()) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

function portOf(socket: Socket): number {
  return socket.remotePort ?? 0;
}

function asScript(script: Script | Behaviour): Script {
  return typeof script === 'function' ? script : () => script;
}

function received(message: IncomingMessage, body: Buffer, connection: number): ReceivedRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return {
    time: Date.now(),
    method: message.method ?? '',
    path: message.url ?? '',
    headers,
    body,
    eventID: headers['webhook-id'] ?? '',
    connection,
  };
}

function perform(
  behaviour: Behaviour,
  request: ReceivedRequest,
  response: ServerResponse,
  reset: (socket: Socket) => void,
): void {
  const { socket } = response;
  if (socket === null || socket.destroyed) return;
  switch (behaviour.kind) {
    case 'respond': {
      const { status = 200, headers = {}, body = '', delayMs = 0, informational = [], closeConnection } = behaviour;
      const write = (): void => {
        for (const code of informational) socket.write(`HTTP/1.1 ${code} Interim\r\n\r\n`);
        response.writeHead(status, { ...headers, ...(closeConnection === true ? { connection: 'close' } : undefined) });
        response.end(body);
      };
      if (delayMs === 0) write();
      else setTimeout(write, delayMs);
      return;
    }
    case 'challenge': {
      const challenge = challengeOf(request.body);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(challenge === undefined ? '' : JSON.stringify({ challenge }));
      return;
    }
    case 'handshake': {
      const origin = behaviour.allowedOrigin ?? request.headers['webhook-request-origin'] ?? '*';
      response.writeHead(200, { 'webhook-allowed-origin': origin });
      response.end();
      return;
    }
    case 'hang':
      return;
    case 'closeWithoutAnswer':
      socket.end();
      return;
    case 'reset':
      reset(socket);
      return;
    case 'dripHeaders':
      socket.write(`HTTP/1.1 ${behaviour.status ?? 200} Status\r\nx-drip: `);
      drip(socket, behaviour.intervalMs);
      return;
    case 'dripBody':
      socket.write(`HTTP/1.1 ${behaviour.status ?? 200} Status\r\ncontent-length: 1000000\r\n\r\n`);
      drip(socket, behaviour.intervalMs);
      return;
    case 'endlessBody':
      socket.write(`HTTP/1.1 ${behaviour.status ?? 200} Status\r\n\r\n`);
      pour(socket);
      return;
    case 'resetInBody':
      socket.write(`HTTP/1.1 ${behaviour.status ?? 200} Status\r\ncontent-length: ${behaviour.bytes + 1}\r\n\r\n`);
      socket.write('x'.repeat(behaviour.bytes));
      // A RST overtakes what is still in the peer's buffer.
      setTimeout(() => reset(socket), 50);
      return;
    case 'raw':
      socket.end(behaviour.bytes);
      return;
  }
}

function drip(socket: Socket, intervalMs: number): void {
  const timer = setInterval(() => socket.write('x'), intervalMs);
  socket.on('close', () => clearInterval(timer));
}

function pour(socket: Socket): void {
  const chunk = Buffer.alloc(16_384, 'x');
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

function challengeOf(body: Buffer): string | undefined {
  try {
    const json: unknown = JSON.parse(body.toString());
    if (typeof json !== 'object' || json === null || !('challenge' in json)) return undefined;
    return typeof json.challenge === 'string' ? json.challenge : undefined;
  } catch {
    return undefined;
  }
}
