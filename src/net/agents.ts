import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { Agent, type Dispatcher } from 'undici';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import { guardedConnector } from './guarded-connector.ts';
import { type HostLookup, sharedLookup } from './shared-lookup.ts';

/** Certificates to present and to trust. */
export interface TLSIdentity {
  /** Changes whenever `options` do: connections of another key are never reused. */
  readonly key: string;
  readonly options: SecureContextOptions;
}

/** What two requests must have in common to share connections. */
export interface AgentProfile {
  readonly allowedCIDRs: readonly string[];
  readonly connectTimeoutMs: number;
  /** Defaults to no client certificate and the public authorities (and `NODE_EXTRA_CA_CERTS`). */
  readonly tls?: TLSIdentity;
}

export interface AgentPoolOptions {
  readonly clock?: Clock;
  /** Defaults to the system's resolver. */
  readonly lookup?: HostLookup;
  /** Connections to one origin in one profile. Defaults to 2048. */
  readonly maxConnectionsPerOrigin?: number;
  /** Defaults to 256; above it the one used longest ago is closed. */
  readonly maxAgents?: number;
  /** How long an unused agent is kept. Defaults to 5 minutes. */
  readonly idleMs?: number;
}

/** Connections to receivers, shared by all who have the same profile and by nobody else. */
export interface AgentPool {
  /** Use the answer at once: an agent that was not asked for during `idleMs` is closed (its requests in flight finish). */
  get(profile: AgentProfile): Dispatcher;
  readonly size: number;
  /** Cuts all connections. */
  close(): Promise<void>;
}

/**
 * As many connections as a replica has requests in flight (its shared budget): a lower limit would let a slow receiver's
 * neighbours on the same host spend their deadlines in a queue.
 */
const defaultConnectionsPerOrigin = 2048;

/**
 * Connect timeouts are rounded up to one of these, so that users who choose each their own don't each get an agent. The
 * sender enforces the exact value.
 */
const connectTimeoutClassesMs = [1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000] as const;

export function connectTimeoutClass(connectTimeoutMs: number): number {
  return connectTimeoutClassesMs.find((limit) => connectTimeoutMs <= limit) ?? 300_000;
}

interface Entry {
  readonly agent: Agent;
  lastUsed: number;
}

export function createAgentPool(options: AgentPoolOptions = {}): AgentPool {
  const { clock = systemClock, maxAgents = 256, idleMs = 300_000 } = options;
  const connections = options.maxConnectionsPerOrigin ?? defaultConnectionsPerOrigin;
  const lookup = options.lookup ?? sharedLookup();
  // In order of use: the first one was used longest ago.
  const entries = new Map<string, Entry>();
  const secureContexts = new Map<string, SecureContext>();
  let idleTimer: Timer | undefined;

  const secureContextOf = (tls: TLSIdentity | undefined): SecureContext => {
    const key = tls?.key ?? '';
    let context = secureContexts.get(key);
    if (context === undefined) {
      context = createSecureContext({ minVersion: 'TLSv1.2', ...tls?.options });
      secureContexts.set(key, context);
    }
    return context;
  };

  const retire = (key: string, entry: Entry): void => {
    entries.delete(key);
    void entry.agent.close();
    const tlsKey = tlsKeyOf(key);
    if (![...entries.keys()].some((other) => tlsKeyOf(other) === tlsKey)) secureContexts.delete(tlsKey);
  };

  const closeIdle = (): void => {
    idleTimer = undefined;
    for (const [key, entry] of entries) {
      if (clock.monotonic() - entry.lastUsed < idleMs) break;
      retire(key, entry);
    }
    if (entries.size > 0) idleTimer = clock.setTimer(closeIdle, idleMs);
  };

  return {
    get(profile) {
      const timeoutMs = connectTimeoutClass(profile.connectTimeoutMs);
      const key = `${timeoutMs} ${profile.allowedCIDRs.join(' ')}\n${profile.tls?.key ?? ''}`;
      let entry = entries.get(key);
      if (entry === undefined) {
        const connect = guardedConnector({
          allowedCIDRs: [...profile.allowedCIDRs],
          connectTimeoutMs: timeoutMs,
          secureContext: secureContextOf(profile.tls),
          lookup,
        });
        entry = { agent: newAgent(connect, connections), lastUsed: 0 };
      } else {
        entries.delete(key);
      }
      entry.lastUsed = clock.monotonic();
      entries.set(key, entry);
      const [oldest] = entries;
      if (entries.size > maxAgents && oldest !== undefined) retire(...oldest);
      idleTimer ??= clock.setTimer(closeIdle, idleMs);
      return entry.agent;
    },
    get size() {
      return entries.size;
    },
    async close() {
      clock.clearTimer(idleTimer);
      idleTimer = undefined;
      const agents = [...entries.values()].map(({ agent }) => agent.destroy());
      entries.clear();
      secureContexts.clear();
      await Promise.all(agents);
    },
  };
}

function tlsKeyOf(key: string): string {
  return key.slice(key.indexOf('\n') + 1);
}

function newAgent(connect: ReturnType<typeof guardedConnector>, connections: number): Agent {
  return new Agent({
    connect,
    connections,
    allowH2: false,
    pipelining: 1,
    // Below the idle limit of the usual servers (5 s in Node, 60 s and more in others), so that they don't close a socket
    // in the moment in which a request goes out on it. A server's own Keep-Alive hint counts for up to a minute.
    keepAliveTimeout: 4000,
    keepAliveMaxTimeout: 60_000,
    // The sender has one deadline over the whole request; undici's would be per phase and per chunk.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}
