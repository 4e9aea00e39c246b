/**
 * The connection to NATS: made before anything else works, kept for the life of the process.
 */
import { readFileSync } from 'node:fs';
import {
  connect,
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  type Authenticator,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { sleep, type Clock } from '../clock.ts';
import { messageOf, OperatorError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { rereadFile } from './reread-file.ts';

/** Oldest server that has everything the operator needs: `@at` schedules with their fixes, rollup, pinned clients. */
export const minimumServerVersion = '2.14.0';
/** Replies come here and nowhere else, so that permissions can tell the operator's inboxes from everybody's. */
export const inboxPrefix = '_INBOX_webhook-operator';

export interface NatsOptions {
  /** `nats://host:port` or `tls://host:port`. */
  readonly servers: readonly string[];
  /** A credentials file. The paths are read again for every connection, so that rotated files are picked up. */
  readonly creds?: string | undefined;
  /** A file with an nkey seed. */
  readonly nkey?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Shown in the server's connection list. */
  readonly name: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Ends the wait for a first connection. */
  readonly signal?: AbortSignal;
}

/** The server is too old. */
export class NatsVersionError extends OperatorError {
  readonly code = 'WHO_NATS_VERSION';
}

/** The connection's options can't work: a file is missing or is not what it should be. */
export class NatsOptionsError extends OperatorError {
  readonly code = 'WHO_NATS_OPTIONS';
}

/** A live connection and what the client does not tell of it. */
export interface NatsLink {
  readonly connection: NatsConnection;
  readonly inboxPrefix: string;
  /** False from a disconnect until the next connection stands. */
  readonly connected: boolean;
  /** Calls `listener` whenever {@link connected} changed. @returns forgets it again. */
  onChange(listener: (connected: boolean) => void): () => void;
  /** Resolves when the connection is closed for good: by `close`, or with the error that made it hopeless. */
  readonly closed: Promise<Error | undefined>;
  /** Sends what is buffered, then closes. */
  close(): Promise<void>;
}

const firstDelayMs = 250;
const maxDelayMs = 5000;
/** With two missed pings a half-open connection is noticed within 15 s; the client's default is 4 minutes. */
const pingIntervalMs = 5000;

/**
 * Connects, waiting for the server as long as it takes: the reason why it can't be reached is logged. Reconnects for ever.
 *
 * Throws {@link NatsOptionsError} when a file can't be read, {@link NatsVersionError} when the server is older than
 * {@link minimumServerVersion}, and the signal's reason when that is aborted.
 */
export async function connectNats(options: NatsOptions): Promise<NatsLink> {
  const clientOptions = connectionOptions(options);
  let delay = firstDelayMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const connection = await connect(clientOptions).catch((error: unknown) => {
      const fields = { servers: options.servers, retryInMilliseconds: delay, reason: messageOf(error) };
      options.logger.error('NATS could not be reached', fields);
      return undefined;
    });
    if (connection !== undefined) {
      try {
        checkVersion(connection);
      } catch (error) {
        await connection.close();
        throw error;
      }
      return new Link(connection, options.logger);
    }
    await sleep(options.clock, delay);
    delay = Math.min(delay * 2, maxDelayMs);
  }
}

function connectionOptions(options: NatsOptions): NodeConnectionOptions {
  const authenticators = authenticatorsOf(options);
  const tls = tlsOf(options);
  return {
    servers: [...options.servers],
    name: options.name,
    inboxPrefix,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    reconnectJitter: 250,
    reconnectJitterTLS: 500,
    pingInterval: pingIntervalMs,
    // Credentials may be rotated while we are refused.
    ignoreAuthErrorAbort: true,
    // A stack trace per request costs more than the request.
    noAsyncTraces: true,
    ...(authenticators.length === 0 ? {} : { authenticator: authenticators }),
    ...(tls === undefined ? {} : { tls }),
  };
}

function authenticatorsOf({ creds, nkey, tokenFile, logger }: NatsOptions): Authenticator[] {
  const authenticators: Authenticator[] = [];
  if (creds !== undefined) {
    const read = openFile(creds, logger);
    const authenticator = credsAuthenticator(() => read());
    probe(authenticator, creds);
    authenticators.push(authenticator);
  }
  if (nkey !== undefined) {
    const read = openFile(nkey, logger);
    const authenticator = nkeyAuthenticator(() => Buffer.from(read().toString('utf8').trim()));
    probe(authenticator, nkey);
    authenticators.push(authenticator);
  }
  if (tokenFile !== undefined) {
    const read = openFile(tokenFile, logger);
    authenticators.push(tokenAuthenticator(() => read().toString('utf8').trim()));
  }
  return authenticators;
}

function tlsOf({ servers, ca, cert, key, logger }: NatsOptions): NodeConnectionOptions['tls'] | undefined {
  // The client reads these files itself for every connection; only a first read here, for a clear error.
  for (const path of [ca, cert, key]) if (path !== undefined) openFile(path, logger);
  if (ca === undefined && cert === undefined && !servers.some((server) => server.startsWith('tls://')))
    return undefined;
  return {
    ...(ca === undefined ? {} : { caFile: ca }),
    ...(cert === undefined ? {} : { certFile: cert }),
    ...(key === undefined ? {} : { keyFile: key }),
  };
}

function openFile(path: string, logger: Logger): () => Buffer {
  try {
    return rereadFile(path, readFileSync, (error) => {
      logger.error('Credentials file could not be read; the last contents are used', { path, error });
    });
  } catch (error) {
    throw new NatsOptionsError(`The file ${path} for NATS can't be read: ${messageOf(error)}`, { cause: error });
  }
}

// The client closes the connection for good when an authenticator throws, so a bad file is better found here.
function probe(authenticator: Authenticator, path: string): void {
  try {
    authenticator('nonce');
  } catch (error) {
    throw new NatsOptionsError(`The file ${path} holds no credentials for NATS: ${messageOf(error)}`, { cause: error });
  }
}

function checkVersion(connection: NatsConnection): void {
  const version = connection.info?.version ?? '0.0.0';
  if (!isAtLeast(version, minimumServerVersion)) {
    throw new NatsVersionError(
      `The NATS server is version ${version}; webhook-operator needs ${minimumServerVersion} or newer: upgrade the server`,
    );
  }
}

/** Compares the first three numbers; a pre-release counts as its release. */
export function isAtLeast(version: string, minimum: string): boolean {
  const wanted = numbersOf(minimum);
  for (const [index, number] of numbersOf(version).entries()) {
    const other = wanted[index] ?? 0;
    if (number !== other) return number > other;
  }
  return true;
}

function numbersOf(version: string): number[] {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(version);
  return [match?.[1], match?.[2], match?.[3]].map((text) => Number(text ?? 0));
}

class Link implements NatsLink {
  readonly connection: NatsConnection;
  readonly inboxPrefix = inboxPrefix;
  readonly closed: Promise<Error | undefined>;
  readonly #logger: Logger;
  readonly #listeners = new Set<(connected: boolean) => void>();
  #connected = true;

  constructor(connection: NatsConnection, logger: Logger) {
    this.connection = connection;
    this.#logger = logger;
    this.closed = connection.closed().then((error) => (error instanceof Error ? error : undefined));
    this.#watch().catch((error: unknown) => {
      logger.error('NATS status could not be followed', { error });
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  onChange(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.connection.isClosed()) return;
    // Draining hangs without a connection.
    if (this.#connected) await this.connection.drain().catch(() => undefined);
    await this.connection.close();
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      switch (status.type) {
        case 'disconnect':
          this.#set(false);
          this.#logger.info('NATS connection was lost', { server: status.server });
          break;
        case 'reconnect':
          this.#logger.info('NATS connection was restored', { server: status.server });
          this.#set(true);
          break;
        case 'error':
          this.#logger.error('NATS reported an error', { error: status.error });
          break;
        default:
      }
    }
    this.#set(false);
  }

  #set(connected: boolean): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    for (const listener of this.#listeners) listener(connected);
  }
}
