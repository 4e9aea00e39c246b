import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { connectionFingerprint, type ClusterCredentials } from './credentials.ts';

interface Connections {
  readonly fingerprint: string;
  readonly calls: Dispatcher;
  readonly watches: Dispatcher;
}

/**
 * The connections to one API server: a pool for calls and one for watches, so that watches never starve calls. Both are
 * made anew when the server, its CA or the client certificate changes; running requests end on the old ones.
 */
export class Transport {
  #connections: Connections | undefined;
  #closed = false;

  for(credentials: ClusterCredentials): { readonly calls: Dispatcher; readonly watches: Dispatcher } {
    const fingerprint = connectionFingerprint(credentials);
    const previous = this.#connections;
    if (previous?.fingerprint === fingerprint) return previous;
    this.#connections = {
      fingerprint,
      calls: dispatcher(credentials, 32),
      watches: dispatcher(credentials, 64),
    };
    if (previous !== undefined) closeQuietly(previous, (each) => each.close());
    return this.#connections;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Cuts everything that still runs. */
  close(): void {
    this.#closed = true;
    if (this.#connections !== undefined) closeQuietly(this.#connections, (each) => each.destroy());
    this.#connections = undefined;
  }
}

function closeQuietly(connections: Connections, close: (dispatcher: Dispatcher) => Promise<void>): void {
  for (const each of [connections.calls, connections.watches]) close(each).catch(() => {});
}

function dispatcher(credentials: ClusterCredentials, connections: number): Dispatcher {
  const options = {
    connections,
    pipelining: 1,
    // One HTTP/2 connection would carry calls and watches together, and is slower here.
    allowH2: false,
    // Deadlines are the client's own: undici's are per chunk, and a quiet watch is healthy.
    bodyTimeout: 0,
    headersTimeout: 0,
    // Below the idle timeouts of the API server (90 s) and of common load balancers (60 s).
    keepAliveTimeout: 20_000,
    keepAliveMaxTimeout: 40_000,
  };
  const connect = { ...credentials.tls, timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000 };
  return credentials.proxyUrl === undefined
    ? new Agent({ ...options, connect })
    : new ProxyAgent({ ...options, uri: credentials.proxyUrl, requestTls: connect });
}
