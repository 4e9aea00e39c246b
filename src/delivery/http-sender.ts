import diagnostics from 'node:diagnostics_channel';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { AgentPool } from '../net/agents.ts';
import type { OutgoingRequest, RequestResult, Sender } from './attempt.ts';
import { HTTPExchange, type ExchangeHost } from './http-exchange.ts';
import { type HTTPTarget, parseTarget } from './http-target.ts';

export interface HTTPSenderOptions {
  readonly agents: AgentPool;
  readonly clock?: Clock;
}

/** How often deadlines are looked at, in milliseconds: how much later than its deadline a request may end. */
const sweepIntervalMs = 50;
/** Bodies of answered requests that are read on at the same time, only so that their sockets can be used again. */
const maxDraining = 256;
const maxCachedTargets = 4096;

/**
 * Sends requests over HTTP/1.1. A 2xx status line with its headers settles a request, unless the caller wants the body;
 * other responses are settled with the first bytes of their body. Redirects are responses like any other. Never rejects.
 *
 * One sweep over all requests in flight enforces their deadlines: 2048 of them cost less per second than a timer for each.
 */
export function createHTTPSender({ agents, clock = systemClock }: HTTPSenderOptions): Sender {
  const open = new Set<HTTPExchange>();
  const targets = new Map<string, HTTPTarget | undefined>();
  let draining = 0;
  let timer: Timer | undefined;

  const sweep = (): void => {
    timer = undefined;
    const now = clock.monotonic();
    for (const exchange of open) exchange.sweep(now);
    if (open.size > 0) timer = clock.setTimer(sweep, sweepIntervalMs);
  };

  const host: ExchangeHost = {
    clock,
    mayDrain() {
      if (draining >= maxDraining) return false;
      draining += 1;
      return true;
    },
    closed(exchange, wasDraining) {
      open.delete(exchange);
      if (wasDraining) draining -= 1;
    },
    dispatch(exchange, { allowedCIDRs, connectTimeoutMs, method, headers, body }, { origin, path }) {
      const payload = body === undefined || body.byteLength === 0 ? null : body;
      const agent = agents.get({ allowedCIDRs, connectTimeoutMs });
      agent.dispatch({ origin, path, method, headers: headers as string[], body: payload }, exchange);
    },
  };

  const targetOf = (url: string): HTTPTarget | undefined => {
    let target = targets.get(url);
    if (target === undefined && !targets.has(url)) {
      target = parseTarget(url);
      if (targets.size >= maxCachedTargets) targets.clear();
      targets.set(url, target);
    }
    return target;
  };

  watchSockets();
  return {
    send(request: OutgoingRequest): Promise<RequestResult> {
      const target = targetOf(request.url);
      if (target === undefined) {
        return Promise.resolve({
          kind: 'Error',
          reason: 'PayloadInvalid',
          message: 'the URL is not a valid http or https URL without user name and password',
          durationMs: 0,
        });
      }
      return new Promise((resolve) => {
        const exchange = new HTTPExchange(host, request, target, resolve);
        open.add(exchange);
        timer ??= clock.setTimer(sweep, sweepIntervalMs);
        exchange.start();
      });
    },
  };
}

let watching = false;

/** undici tells its handlers nothing about the socket; its documented diagnostics channel does, right after `onRequestStart`. */
function watchSockets(): void {
  if (watching) return;
  watching = true;
  diagnostics.subscribe('undici:client:sendHeaders', (message) => {
    HTTPExchange.sending((message as { readonly socket: object }).socket);
  });
}
