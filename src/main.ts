/** The entry point: arguments, signals and exit codes. */
import { messageOf } from './errors.ts';
import { NatsOptionsError } from './jetstream/connection.ts';
import { PartitionsMismatchError } from './jetstream/streams.ts';
import { KubeconfigError } from './kubernetes/credentials.ts';
import { createLogger } from './ops/logging.ts';
import type { Options } from './ops/option-table.ts';
import { ConfigurationError, helpText, parseOptions, requestedCommand } from './ops/options.ts';
import { onStopSignal } from './ops/shutdown.ts';
import { Operator } from './operator.ts';
import { version } from './version.ts';

/** Names are looked up by libuv's threads: with its default of 4, a few hanging name servers hold up every other receiver. */
const threadPoolSize = '64';

const exitCodes = { stopped: 0, failed: 1, misconfigured: 2 } as const;

/** What only another configuration mends. */
function isMisconfiguration(error: unknown): boolean {
  return [ConfigurationError, NatsOptionsError, KubeconfigError, PartitionsMismatchError].some(
    (kind) => error instanceof kind,
  );
}

async function run(options: Options): Promise<void> {
  // The pool reads it when it is first used, so this comes before everything else.
  process.env['UV_THREADPOOL_SIZE'] ||= threadPoolSize;
  const logger = createLogger({ level: options.logLevel });
  const exit = (code: number): never => {
    logger.flush();
    process.exit(code);
  };
  const die = (message: string, error: unknown): never => {
    logger.error(message, { error });
    return exit(isMisconfiguration(error) ? exitCodes.misconfigured : exitCodes.failed);
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
        exit(exitCodes.stopped);
      });
    },
    (signal) => {
      logger.error('Stopped at once by a second signal', { signal });
      exit(exitCodes.failed);
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
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = exitCodes.misconfigured;
    return undefined;
  }
  return run(options);
}

await main();
