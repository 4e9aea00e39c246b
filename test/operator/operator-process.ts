import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { TestClusterError } from '../cluster/errors.ts';
import { startProcess, untilReady, type ManagedProcess, type ProcessExit } from '../cluster/processes.ts';
import { temporaryFolder } from '../cluster/scratch.ts';

const entryPoint = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface OperatorProcessOptions {
  readonly kubeconfig: string;
  readonly natsUrl: string;
  /** More flags, such as `['--partitions', '4']`. Later ones don't replace earlier ones: the process refuses repetitions. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Defaults to `operator`. */
  readonly name?: string;
  /** What Node is given. Defaults to `src/main.ts`. */
  readonly entryPoint?: string;
  /** Resolves once the process has said where it listens, without waiting for `/readyz`. Defaults to true. */
  readonly waitUntilReady?: boolean;
}

/** A line of the operator's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly level: string; readonly msg: string };

/** A running operator. It is killed when this process ends, however it ends. */
export interface OperatorProcess {
  readonly pid: number;
  readonly probesUrl: string;
  readonly metricsUrl: string;
  /** Goes when this process ends. */
  readonly logFile: string;
  /** What it has logged so far. */
  logs(): LogLine[];
  /** Resolves with the first line whose message is `message`; rejects after `timeoutMs` (defaults to 30 s). */
  waitForLog(message: string, timeoutMs?: number): Promise<LogLine>;
  isReady(): Promise<boolean>;
  isRunning(): boolean;
  /** The exposition, as a scrape gets it. */
  metrics(): Promise<string>;
  /** SIGTERM, as Kubernetes stops a pod; SIGKILL after `graceMs` (defaults to 40 s). */
  stop(graceMs?: number): Promise<ProcessExit>;
  /** SIGKILL. */
  kill(): Promise<ProcessExit>;
  /** SIGSTOP: it does nothing, and its connections stay open. */
  pause(): void;
  resume(): void;
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<ProcessExit>;
}

/** Starts the operator as a process of its own on free ports of 127.0.0.1. Throws with the end of its log when it ends early. */
export async function startOperator(options: OperatorProcessOptions): Promise<OperatorProcess> {
  const { name = 'operator', args = [] } = options;
  const child = await startProcess({
    name,
    command: process.execPath,
    args: [
      options.entryPoint ?? entryPoint,
      `--kubeconfig=${options.kubeconfig}`,
      `--nats-url=${options.natsUrl}`,
      '--metrics-bind-address=127.0.0.1:0',
      '--health-probe-bind-address=127.0.0.1:0',
      `--pod-name=${name}`,
      ...args,
    ],
    ...(options.env === undefined ? {} : { env: options.env }),
    logFile: join(temporaryFolder(name), 'operator.log'),
  });
  return attachOperator(child, name, options.waitUntilReady);
}

/** What {@link startOperator} resolves with, for a process that was started in another way. */
export async function attachOperator(
  child: ManagedProcess,
  name: string,
  waitUntilReady = true,
): Promise<OperatorProcess> {
  const { logFile } = child;
  const portOf = (server: string): unknown =>
    linesOf(logFile).find(({ msg, server: which }) => msg === 'Server started' && which === server)?.['port'];
  await untilReady(child, name, async () => portOf('probes') !== undefined && portOf('metrics') !== undefined);
  const running = control(child, logFile, {
    probesUrl: `http://127.0.0.1:${String(portOf('probes'))}`,
    metricsUrl: `http://127.0.0.1:${String(portOf('metrics'))}/metrics`,
  });
  if (waitUntilReady) await untilReady(child, name, () => running.isReady());
  return running;
}

function control(
  child: ManagedProcess,
  logFile: string,
  urls: Pick<OperatorProcess, 'probesUrl' | 'metricsUrl'>,
): OperatorProcess {
  const logs = (): LogLine[] => linesOf(logFile);
  return {
    ...urls,
    pid: child.pid,
    logFile,
    exited: child.exited,
    logs,
    waitForLog: async (message, timeoutMs = 30_000) => {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const line = logs().find(({ msg }) => msg === message);
        if (line !== undefined) return line;
        if (performance.now() > deadline) {
          throw new TestClusterError(`"${message}" was not logged. The last lines:\n${child.logTail()}`);
        }
        await delay(50);
      }
    },
    isReady: async () => (await fetch(`${urls.probesUrl}/readyz`)).status === 200,
    isRunning: () => child.isRunning(),
    metrics: async () => (await fetch(urls.metricsUrl)).text(),
    stop: (graceMs = 40_000) => child.stop(graceMs),
    kill: () => child.kill(),
    pause: () => child.signal('SIGSTOP'),
    resume: () => child.signal('SIGCONT'),
    signal: (name) => child.signal(name),
  };
}

/** What is no JSON (a warning of Node, a line that is not complete yet) is left out. */
function linesOf(logFile: string): LogLine[] {
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as LogLine];
      } catch {
        return [];
      }
    });
}
