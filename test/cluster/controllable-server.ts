import { startProcess, untilReady, type ManagedProcess } from './processes.ts';

/** A server that a test may take away and give back: same port, same data. It is killed when this process ends. */
export interface ControllableServer {
  readonly port: number;
  readonly logFile: string;
  /** Of the process that runs now or ran last; -1 before the first start. */
  pid(): number;
  /** Starts it and waits until it is ready; does nothing while it runs. */
  start(): Promise<void>;
  /** Ends it gracefully (SIGTERM). */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** `stop` if it runs, then `start`. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  /** Ends {@link pause}. */
  resume(): void;
}

export interface ServerProgram {
  readonly name: string;
  readonly port: number;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  /** True once it serves. An error means "not yet". */
  readonly check: () => Promise<boolean>;
}

/** A handle on a server that has not been started yet. */
export function controllableServer(program: ServerProgram): ControllableServer {
  let process: ManagedProcess | undefined;
  const start = async () => {
    if (process?.isRunning() === true) return;
    process = await startProcess(program);
    await untilReady(process, program.name, program.check);
  };
  const stop = async () => {
    await process?.stop();
  };
  return {
    port: program.port,
    logFile: program.logFile,
    pid: () => process?.pid ?? -1,
    start,
    stop,
    kill: async () => {
      await process?.kill();
    },
    restart: async () => {
      await stop();
      await start();
    },
    pause: () => process?.signal('SIGSTOP'),
    resume: () => process?.signal('SIGCONT'),
  };
}
