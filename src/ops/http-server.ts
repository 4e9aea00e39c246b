/**
 * The plain HTTP servers of the process: probes and metrics. They serve GET only, hold no state, and a slow client
 * never holds up anything else.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf, OperatorError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { BindAddress } from './option-parsers.ts';

/** A server can't listen on its address: taken, not of this machine, or not permitted. */
export class ListenError extends OperatorError {
  readonly code = 'WHO_LISTEN_FAILED';
}

/** Answers one path. May throw: the client gets a 500. */
export type RouteHandler = (
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void>;

export interface RunningServer {
  /** The port really taken. */
  readonly port: number;
  /** Stops listening and closes every connection. */
  close(): Promise<void>;
}

/** Starts a server; `name` is for the log. Throws {@link ListenError}. */
export async function startServer(
  name: string,
  address: BindAddress,
  routes: ReadonlyMap<string, RouteHandler>,
  logger: Logger,
): Promise<RunningServer> {
  const server = createServer((request, response) => {
    answer(routes, request, response).catch((error: unknown) => {
      logger.error('Request failed', { server: name, path: pathOf(request).pathname, error });
      if (!response.headersSent) send(response, 500, 'internal error\n');
      else response.destroy();
    });
  });
  // Nobody has a reason to be slower than this with a GET.
  server.requestTimeout = 10_000;
  server.headersTimeout = 10_000;
  server.maxConnections = 256;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const shown = `${address.host ?? ''}:${address.port}`;
      reject(new ListenError(`The ${name} server can't listen on ${shown}: ${messageOf(error)}`, { cause: error }));
    });
    server.listen({ port: address.port, ...(address.host === undefined ? {} : { host: address.host }) }, resolve);
  });
  server.on('error', (error) => logger.error('Server failed', { server: name, error }));
  // A server that listens on TCP has an address object.
  const { address: host, port } = server.address() as AddressInfo;
  logger.info('Server started', { server: name, host, port });
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  routes: ReadonlyMap<string, RouteHandler>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = pathOf(request);
  const handler = routes.get(url.pathname);
  if (handler === undefined) return send(response, 404, 'not found\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(response, 405, 'method not allowed\n');
  }
  return handler(url.searchParams, request, response);
}

/** Never throws: a request target that is no URL becomes one that matches no route. */
function pathOf(request: IncomingMessage): URL {
  const target = `http://localhost${request.url ?? ''}`;
  return URL.canParse(target) ? new URL(target) : new URL('http://localhost/invalid-request-target');
}

/** Sends a short text; the connection stays usable. */
export function send(response: ServerResponse, statusCode: number, text: string): void {
  response.writeHead(statusCode, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}
