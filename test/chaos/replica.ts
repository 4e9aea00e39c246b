import { setTimeout as delay } from 'node:timers/promises';
import type { OperatorProcess } from '../operator/operator-process.ts';
import type { ApiAccess } from '../failure/api-access.ts';
import type { Stand } from '../failure/stand.ts';

/** A replica: one operator process at a time, started again whenever it was ended by a fault, as Kubernetes does with a pod. */
export class Replica {
  readonly name: string;
  readonly access: ApiAccess;
  readonly #stand: Stand;
  readonly #past: OperatorProcess[] = [];
  #current: OperatorProcess | undefined;
  #isMeantToRun = false;
  /** How often it ended without having been told to. */
  crashes = 0;

  constructor(options: { readonly name: string; readonly access: ApiAccess; readonly stand: Stand }) {
    this.name = options.name;
    this.access = options.access;
    this.#stand = options.stand;
  }

  get process(): OperatorProcess {
    if (this.#current === undefined) throw new Error(`${this.name} was not started`);
    return this.#current;
  }

  /** Starts it; does not wait until it works, which it can't while a server is away. */
  async start(): Promise<void> {
    const { kubeconfig } = this.access;
    const operator = await this.#stand.startOperator(this.name, { kubeconfig, waitUntilReady: false });
    this.#current = operator;
    this.#past.push(operator);
    this.#isMeantToRun = true;
    void operator.exited.then(async ({ code, signal }) => {
      if (!this.#isMeantToRun || this.#current !== operator) return;
      this.crashes += 1;
      const [last] = operator.logs().slice(-1);
      console.log(`${this.name} ended by itself (${code ?? signal}): ${JSON.stringify(last)}`);
      await delay(1000);
      if (this.#isMeantToRun) await this.start();
    });
  }

  async kill(): Promise<void> {
    this.#isMeantToRun = false;
    await this.process.kill();
  }

  async stop(): Promise<void> {
    this.#isMeantToRun = false;
    const { code, signal } = await this.process.stop();
    if (code === 0) return;
    this.crashes += 1;
    console.log(`${this.name} was told to stop and ended with ${code ?? signal}`);
  }

  /** From now on its end is none of its faults. */
  retire(): void {
    this.#isMeantToRun = false;
  }

  /** Its name in the claims; undefined while it has not begun. */
  member(): string | undefined {
    const started = this.process.logs().find(({ msg }) => msg === 'Started');
    return started === undefined ? undefined : String(started['identity']);
  }

  /** What it logged as errors and warnings: each message with its number and the last line of it. */
  complaints(): ReadonlyMap<string, { readonly count: number; readonly last: string }> {
    const found = new Map<string, { readonly count: number; readonly last: string }>();
    for (const line of this.#past.flatMap((operator) => operator.logs())) {
      if (line.level !== 'error' && line.level !== 'warn') continue;
      const count = (found.get(line.msg)?.count ?? 0) + 1;
      found.set(line.msg, { count, last: JSON.stringify({ ...line, errorStack: undefined }) });
    }
    return found;
  }
}
