// A program that drags in what is hard to bundle: CommonJS dependencies, the clients, the version.
import '@kubernetes/client-node';
import '@nats-io/transport-node';
import { createLogger } from '../../src/ops/logging.ts';
import { Metrics } from '../../src/ops/metrics.ts';
import { parseOptions } from '../../src/ops/options.ts';
import { version } from '../../src/version.ts';

const logger = createLogger({ level: parseOptions([], {}).logLevel });
let bytes = 0;
for await (const piece of new Metrics({ version }).render()) bytes += piece.length;
logger.info('Started', { version, bytes });
logger.flush();
