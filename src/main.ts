/** The entry point: arguments, signals and exit codes. */
import { messageOf, OperatorError } from './errors.ts';
import { exitCodeOfError, exitCodeOfStop, type ExitCode } from './exit-codes.ts';
import { createLogger } from './ops/logging.ts';
import type { Options } from './ops/option-table.ts';
import { helpText, parseOptions, requestedCommand } from './ops/options.ts';
import { onStopSignal } from './ops/shutdown.ts';
import { Operator } from './operator.ts';
import { version } from './version.ts';

/** Names are looked up by libuv's threads: with its default of 4, a few hanging name servers hold up every other receiver. */
const threadPoolSize = '64';

async function run(options: Options): Promise<void> {
  // The pool reads it when it is first used, so this comes before everything else.
  process.env['UV_THREADPOOL_SIZE'] ||= threadPoolSize;
  const logger = createLogger({ level: options.logLevel });
  const exit = (code: ExitCode): never => {
    logger.flush();
    process.exit(code);
  };
  const die = (message: string, error: unknown): never => {
    logger.error(message, { error });
    return exit(exitCodeOfError(error));
  };
  process.on('uncaughtException', (error) => die('Uncaught error', error));
  process.on('unhandledRejection', (reason) => die('Unhandled rejection', reason));

  const operator = new Operator(options, logger);
  onStopSignal(
    process,
    (signal) => {
      logger.info('Stopping', { signal });
      void operator.stop().then((clean) => {
        logger.info('Stopped', { clean });
        exit(exitCodeOfStop(clean));
      });
    },
    (signal) => {
      logger.error('Stopped at once by a second signal', { signal });
      exit(1);
    },
  );
  operator.failed.catch((error: unknown) => die('The process can not go on', error));
  try {
    await operator.start();
  } catch (error) {
    die('Start failed', error);
  }
}

function main(): Promise<void> | void {
  const argv = process.argv.slice(2);
  const command = requestedCommand(argv);
  if (command === 'Help') return void process.stdout.write(helpText());
  if (command === 'Version') return void process.stdout.write(`${version}\n`);
  let options: Options;
  try {
    options = parseOptions(argv, process.env);
  } catch (error) {
    // There is no logger yet: its level is one of the options.
    const code = error instanceof OperatorError ? `${error.code}: ` : '';
    process.stderr.write(`${code}${messageOf(error)}\n`);
    process.exitCode = exitCodeOfError(error);
    return undefined;
  }
  return run(options);
}

await main();
