import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { TestClusterError } from './errors.ts';
import { adopt, release } from './scratch.ts';

export interface ProcessOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Output of both kinds is appended here. */
  readonly logFile: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** False = it gets nothing but `env`, like a container. Defaults to true. */
  readonly inheritEnv?: boolean;
  readonly cwd?: string;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A started program. It is killed when this process ends, however it ends. */
export interface ManagedProcess {
  readonly pid: number;
  readonly logFile: string;
  readonly exited: Promise<ProcessExit>;
  isRunning(): boolean;
  /** Sends a signal; does nothing once the process has exited. */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, after `graceMs` SIGKILL (defaults to 10 s). Resolves when it has exited. */
  stop(graceMs?: number): Promise<ProcessExit>;
  /** SIGKILL. Resolves when it has exited. */
  kill(): Promise<ProcessExit>;
  /** The last lines of its output. */
  logTail(lines?: number): string;
}

/** Starts a program. Throws TestClusterError when it can't be executed. */
export async function startProcess(options: ProcessOptions): Promise<ManagedProcess> {
  const log = openSync(options.logFile, 'a');
  // In a group of its own: Ctrl-C in the terminal goes to us alone, and we stop the parts in order.
  const child = spawn(options.command, options.args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...(options.inheritEnv === false ? {} : process.env), ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  closeSync(log);

  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => {
      if (child.pid !== undefined) release(child.pid);
      resolve({ code, signal });
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => {
      reject(new TestClusterError(`can't start ${options.name} (${options.command})`, { cause }));
    });
  });
  const pid = child.pid;
  if (pid === undefined) throw new TestClusterError(`${options.name} has no process id`);
  adopt(pid);

  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const signal = (name: NodeJS.Signals) => {
    if (isRunning()) child.kill(name);
  };
  return {
    pid,
    logFile: options.logFile,
    exited,
    isRunning,
    signal,
    stop: async (graceMs = 10_000) => {
      signal('SIGTERM');
      // A paused process takes no SIGTERM before it goes on.
      signal('SIGCONT');
      const timer = setTimeout(signal, graceMs, 'SIGKILL');
      const exit = await exited;
      clearTimeout(timer);
      return exit;
    },
    kill: () => {
      signal('SIGKILL');
      return exited;
    },
    logTail: (lines = 20) => readFileSync(options.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n'),
  };
}

/**
 * Resolves when `check` is true. Throws TestClusterError with the end of the log after `timeoutMs` (defaults to 60 s), or as
 * soon as the process has exited. An error thrown by `check` means "not yet".
 */
export async function untilReady(
  process: ManagedProcess,
  what: string,
  check: () => Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await check().catch(() => false))) {
    if (!process.isRunning()) {
      throw new TestClusterError(`${what} ended before it was ready. Its last lines:\n${process.logTail()}`);
    }
    if (performance.now() > deadline) {
      throw new TestClusterError(
        `${what} was not ready after ${timeoutMs / 1000} s. Its last lines:\n${process.logTail()}`,
      );
    }
    await delay(50);
  }
}
