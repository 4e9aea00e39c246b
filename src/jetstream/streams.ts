import type { StreamInfo } from '@nats-io/jetstream';
import { OperatorError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { apiErrorCodes, ApiRefusal } from './broker-errors.ts';
import { BrokerError } from './broker.ts';
import type { JetStreamApi } from './js-api.ts';
import { streamDifferences, type StreamDifference } from './stream-differences.ts';
import { metadataKeys, streamTable, type ManagedStreamConfig, type StreamTableOptions } from './stream-table.ts';

export interface EnsureStreamsOptions extends StreamTableOptions {
  /** `Manage` creates and updates; `External` only checks. */
  readonly mode: 'Manage' | 'External';
  readonly logger: Logger;
}

/** The install has other partitions or shards than these options say. */
export class PartitionsMismatchError extends OperatorError {
  readonly code = 'WHO_PARTITIONS_MISMATCH';
}

/** Streams are missing or differ in a way that the operator may not or can not change; the message names every one. */
export class StreamsUnfitError extends OperatorError {
  readonly code = 'WHO_STREAMS_UNFIT';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The NATS streams do not fit: ${problems.join('; ')}`);
    this.problems = problems;
  }
}

/**
 * Makes the streams as the table says, or checks them. Safe to run on several replicas at once.
 *
 * Throws {@link PartitionsMismatchError}, {@link StreamsUnfitError} and `BrokerError`. Nothing is changed when anything is
 * refused.
 */
export async function ensureStreams(api: JetStreamApi, options: EnsureStreamsOptions): Promise<void> {
  const table = streamTable(options);
  const found = await Promise.all(table.map((wanted) => findStream(api, wanted.name)));
  for (const info of found) if (info !== undefined) checkPartitions(info, options);

  const problems: string[] = [];
  const steps: (() => Promise<void>)[] = [];
  for (const [index, wanted] of table.entries()) {
    const info = found[index];
    if (info === undefined) {
      if (options.mode === 'External') problems.push(`stream ${wanted.name} does not exist`);
      else steps.push(() => createStream(api, wanted, options));
      continue;
    }
    const differences = streamDifferences(wanted, info, options.mode);
    const refused = options.mode === 'External' ? differences : differences.filter(({ action }) => action === 'Refuse');
    problems.push(...refused.map((difference) => describe(wanted.name, difference)));
    if (differences.length > 0) steps.push(() => updateStream(api, wanted, info, differences, options.logger));
  }
  if (problems.length > 0) throw new StreamsUnfitError(problems);
  if (options.mode === 'External') return;
  for (const step of steps) await step();
}

async function findStream(api: JetStreamApi, name: string): Promise<StreamInfo | undefined> {
  try {
    return await api.request<StreamInfo>(`STREAM.INFO.${name}`, undefined, `Look at stream ${name}`);
  } catch (error) {
    if (error instanceof BrokerError && error.kind === 'StreamNotFound') return undefined;
    throw error;
  }
}

async function createStream(
  api: JetStreamApi,
  wanted: ManagedStreamConfig,
  options: EnsureStreamsOptions,
): Promise<void> {
  try {
    await api.request(`STREAM.CREATE.${wanted.name}`, wanted, `Create stream ${wanted.name}`);
    options.logger.info('Stream was created', { stream: wanted.name });
  } catch (error) {
    if (!(error instanceof ApiRefusal) || error.apiCode !== apiErrorCodes.streamNameInUse) throw error;
    // Another replica was faster, perhaps with other options.
    const info = await findStream(api, wanted.name);
    if (info === undefined) throw error;
    checkPartitions(info, options);
  }
}

async function updateStream(
  api: JetStreamApi,
  wanted: ManagedStreamConfig,
  found: StreamInfo,
  differences: readonly StreamDifference[],
  logger: Logger,
): Promise<void> {
  const config = {
    ...found.config,
    ...wanted,
    max_consumers: found.config.max_consumers,
    metadata: { ...found.config.metadata, ...wanted.metadata },
  };
  await api.request(`STREAM.UPDATE.${wanted.name}`, config, `Update stream ${wanted.name}`);
  logger.info('Stream was updated', { stream: wanted.name, changed: differences.map(({ field }) => field) });
}

function checkPartitions(info: StreamInfo, options: StreamTableOptions): void {
  for (const name of ['partitions', 'shards'] as const) {
    const found = info.config.metadata?.[metadataKeys[name]];
    if (found !== undefined && found !== String(options[name])) {
      throw new PartitionsMismatchError(
        `Stream ${info.config.name} was made with ${found} ${name}, and the operator is started with ${options[name]}: ` +
          `they are fixed at install, start it with --${name}=${found}`,
      );
    }
  }
}

function describe(stream: string, { field, wanted, found, reason }: StreamDifference): string {
  const because = reason === undefined ? '' : ` (${reason})`;
  return `${stream}: ${field} is ${found}, must be ${wanted}${because}`;
}
