/** Parts of the benchmark that run in processes of their own, so that each one's CPU time can be told: calls over Node's IPC. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { messageOf, OperatorError } from '../../src/errors.ts';

/** A call to a part of the benchmark failed, or the part is gone. */
export class BenchChildError extends OperatorError {
  readonly code = 'WHO_BENCH_CHILD';
}

/** What a child does, by name. Arguments and results are plain data. */
export type Commands<Map> = { readonly [Name in keyof Map]: (argument: never) => unknown };
type Argument<Command> = Command extends (argument: infer Value) => unknown ? Value : never;
type Result<Command> = Command extends (argument: never) => infer Value ? Awaited<Value> : never;

interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

export interface Child<Map extends Commands<Map>> {
  readonly pid: number;
  /** Rejects with {@link BenchChildError}. */
  call<Name extends keyof Map & string>(name: Name, argument: Argument<Map[Name]>): Promise<Result<Map[Name]>>;
  stop(): Promise<void>;
}

/** Starts `file`, a module of this folder that calls {@link serve}. It ends with this process. */
export function startChild<Map extends Commands<Map>>(file: string): Child<Map> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [],
  });
  const open = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  let calls = 0;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      for (const { reject } of open.values()) reject(new BenchChildError(`${file} ended`));
      open.clear();
      resolve();
    });
  });
  child.on('message', ({ id, result, error }: Answer) => {
    const call = open.get(id);
    open.delete(id);
    if (error === undefined) call?.resolve(result as never);
    else call?.reject(new BenchChildError(`${file}: ${error}`));
  });
  return {
    pid: child.pid ?? -1,
    call: (name, argument) =>
      new Promise((resolve, reject) => {
        calls += 1;
        if (!child.connected) {
          reject(new BenchChildError(`${file} is gone`));
          return;
        }
        open.set(calls, { resolve, reject });
        send(child, { id: calls, name, argument });
      }),
    stop: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

function send(child: ChildProcess, call: Call): void {
  child.send(call);
}

/** Answers the calls of the process that started this one; ends when that one does. */
export function serve<Map extends Commands<Map>>(commands: Map): void {
  process.on('message', ({ id, name, argument }: Call) => {
    const command = commands[name as keyof Map] as unknown as (argument: unknown) => unknown;
    void Promise.resolve()
      .then(() => command(argument))
      .then(
        (result): Answer => ({ id, result }),
        (error: unknown): Answer => ({ id, error: messageOf(error) }),
      )
      .then((answer) => process.send?.(answer));
  });
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole group: the parent ends us when it is done.
  process.on('SIGINT', () => undefined);
}
