import { connect as connectTCP, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTLS, type SecureContext } from 'node:tls';
import { type buildConnector, errors } from 'undici';
import { OperatorError } from '../errors.ts';
import { isAllowed } from './address-guard.ts';
import { type HostLookup, sharedLookup } from './shared-lookup.ts';

/** The address behind a URL is not one that the webhook's class allows. Nothing was sent to it. */
export class AddressBlockedError extends OperatorError {
  readonly code = 'WHO_ADDRESS_BLOCKED';
  readonly range: string;

  /** The message names the range, not the address: what internal names resolve to is not for everybody. */
  constructor(hostname: string, range: string) {
    super(
      `${hostname} is in the address range "${range}", which is not allowed: use a public address, ` +
        `or have the WebhookClass list the range in spec.network.allowedCIDRs`,
    );
    this.range = range;
  }
}

export interface ConnectorOptions {
  readonly allowedCIDRs: readonly string[];
  /** From the look-up of the name to the end of the TLS handshake. */
  readonly connectTimeoutMs: number;
  /** Shared by all connections: making one costs more than a resumed handshake. */
  readonly secureContext: SecureContext;
  /** Defaults to the system's resolver. */
  readonly lookup?: HostLookup;
}

const maxSessions = 256;

/**
 * Opens connections for undici, only to addresses that {@link isAllowed} lets pass. It checks the literal (for which Node
 * never looks anything up), each answer of the resolver (the checked answer is the one connected to, so a name that
 * changes its answer gains nothing) and, as a last line, the address of the peer. Host header and SNI keep the name.
 * Fails with {@link AddressBlockedError}, undici's `ConnectTimeoutError`, or the error of the socket.
 */
export function guardedConnector(options: ConnectorOptions): buildConnector.connector {
  const { allowedCIDRs, connectTimeoutMs, secureContext } = options;
  const lookup = guardedLookup(options.lookup ?? sharedLookup(), allowedCIDRs);
  const sessions = new Map<string, Buffer>();

  return (target, callback) => {
    const { hostname } = target;
    const isTLS = target.protocol === 'https:';
    const port = target.port === '' ? (isTLS ? 443 : 80) : Number(target.port);
    const blocked = isIP(hostname) === 0 ? undefined : blockedBy(hostname, hostname, allowedCIDRs);
    if (blocked !== undefined) {
      queueMicrotask(() => callback(blocked, null));
      return;
    }

    const tcp = {
      host: hostname,
      port,
      lookup,
      autoSelectFamily: true,
      // Node gives each address but the last only 250 ms, too little for a far one.
      autoSelectFamilyAttemptTimeout: Math.max(250, Math.floor(connectTimeoutMs / 4)),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
    };
    const sessionKey = `${hostname}:${port}`;
    const socket: Socket = isTLS
      ? connectTLS({
          ...tcp,
          secureContext,
          servername: isIP(hostname) === 0 ? hostname.replace(/\.$/, '') : '',
          ALPNProtocols: ['http/1.1'],
          session: sessions.get(sessionKey),
        }).on('session', (session: Buffer) => {
          if (sessions.size >= maxSessions) sessions.clear();
          sessions.set(sessionKey, session);
        })
      : connectTCP(tcp);

    let settled = false;
    const settle = (error: Error | undefined): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      if (error === undefined) callback(null, socket);
      else callback(error, null);
    };
    const timer = setTimeout(() => {
      socket.destroy(new errors.ConnectTimeoutError(`No connection within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
    socket
      .on('error', settle)
      .once('connect', () => {
        const peerBlocked = blockedBy(socket.remoteAddress ?? '', hostname, allowedCIDRs);
        if (peerBlocked !== undefined) socket.destroy(peerBlocked);
        else if (!isTLS) settle(undefined);
      })
      .once('secureConnect', () => settle(undefined))
      .once('close', () => settle(new errors.SocketError('closed while connecting')));
  };
}

function blockedBy(address: string, hostname: string, allowedCIDRs: readonly string[]): Error | undefined {
  try {
    const { allowed, range } = isAllowed(address, allowedCIDRs);
    return allowed ? undefined : new AddressBlockedError(hostname, range);
  } catch (error) {
    return error as Error;
  }
}

/** A look-up for `node:net` that leaves only allowed answers, and fails when none is left. */
export function guardedLookup(lookup: HostLookup, allowedCIDRs: readonly string[]): LookupFunction {
  return (hostname, { all }, callback) => {
    lookup(hostname, (error, addresses) => {
      if (error !== null) {
        callback(error, []);
        return;
      }
      let blocked: Error | undefined;
      const allowed = addresses.filter(({ address }) => {
        const reason = blockedBy(address, hostname, allowedCIDRs);
        blocked ??= reason;
        return reason === undefined;
      });
      const [first] = allowed;
      if (first === undefined) callback(blocked ?? noAddress(hostname), []);
      else if (all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

function noAddress(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND', syscall: 'getaddrinfo' });
}
