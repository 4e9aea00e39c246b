import { messageOf } from '../errors.ts';
import { type RouteHandler, send } from './http-server.ts';

/** Undefined = well, else what is wrong. Must answer from memory: a probe never waits for anything. */
export type Check = () => string | undefined;

/**
 * The named checks behind `/healthz` and `/readyz`. Liveness must not depend on the API server or on NATS (restarting
 * this process repairs neither); readiness is for what must be there before work is useful.
 */
export class Probes {
  readonly #checks = { healthz: new Map<string, Check>(), readyz: new Map<string, Check>() };
  #stopping = false;

  constructor() {
    this.#checks.healthz.set('ping', () => undefined);
    this.#checks.readyz.set('shutdown', () => (this.#stopping ? 'shutting down' : undefined));
  }

  /** Adds or replaces a check of liveness. */
  addLiveness(name: string, check: Check): void {
    this.#checks.healthz.set(name, check);
  }

  /** Adds or replaces a check of readiness. */
  addReadiness(name: string, check: Check): void {
    this.#checks.readyz.set(name, check);
  }

  /** Readiness is off from now on: the first step of every stop. */
  beginShutdown(): void {
    this.#stopping = true;
  }

  /** For {@link startServer}. */
  routes(): Map<string, RouteHandler> {
    return new Map<string, RouteHandler>([
      ['/healthz', this.#handler('healthz')],
      ['/readyz', this.#handler('readyz')],
    ]);
  }

  /** The checks that fail, with their reasons, each as `<name>: <reason>`. */
  failing(kind: 'healthz' | 'readyz'): string[] {
    return [...this.#checks[kind]].flatMap(([name, check]) => {
      const problem = runCheck(check);
      return problem === undefined ? [] : [`${name}: ${problem}`];
    });
  }

  /** The format of Kubernetes' own components: `ok`, or one line per check when asked (`?verbose`) or when one fails. */
  #handler(kind: 'healthz' | 'readyz'): RouteHandler {
    return async (query, _request, response) => {
      const results = [...this.#checks[kind]].map(([name, check]) => ({ name, problem: runCheck(check) }));
      const healthy = results.every(({ problem }) => problem === undefined);
      if (healthy && !query.has('verbose')) return send(response, 200, 'ok\n');
      const lines = results.map(({ name, problem }) =>
        problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`,
      );
      lines.push(`${kind} check ${healthy ? 'passed' : 'failed'}`);
      return send(response, healthy ? 200 : 500, `${lines.join('\n')}\n`);
    };
  }
}

function runCheck(check: Check): string | undefined {
  try {
    return check();
  } catch (error) {
    return messageOf(error);
  }
}
