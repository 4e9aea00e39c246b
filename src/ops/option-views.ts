/** The options as other rooms take them. */
import type { NatsOptions } from '../jetstream/connection.ts';
import type { StreamTableOptions } from '../jetstream/stream-table.ts';
import type { Options } from './option-table.ts';

export function streamTableOptions(options: Options): StreamTableOptions {
  return {
    names: {
      events: options.eventsStream,
      retries: options.retriesStream,
      backlog: options.backlogStream,
      deadLetters: options.deadLettersStream,
      stateBucket: options.stateBucket,
    },
    replicas: options.streamReplicas,
    partitions: options.partitions,
    shards: options.shards,
    maxBytes: {
      events: options.eventsMaxBytes,
      retries: options.retriesMaxBytes,
      backlog: options.backlogMaxBytes,
      deadLetters: options.deadLettersMaxBytes,
      state: options.stateMaxBytes,
    },
    maxAgeMs: {
      events: options.eventsMaxAge,
      backlog: options.backlogMaxAge,
      deadLetters: options.deadLettersMaxAge,
    },
  };
}

/** Where NATS is and how to prove oneself there. */
export function natsOptions(options: Options): Omit<NatsOptions, 'name' | 'logger' | 'clock' | 'signal'> {
  return {
    servers: options.natsURLs,
    creds: options.natsCreds,
    nkey: options.natsNkey,
    tokenFile: options.natsTokenFile,
    ca: options.natsCA,
    cert: options.natsCert,
    key: options.natsKey,
  };
}
