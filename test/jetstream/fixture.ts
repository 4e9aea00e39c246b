import type { TestContext } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { connectNats, type NatsLink, type NatsOptions } from '../../src/jetstream/connection.ts';
import type { DeliveryRecord } from '../../src/jetstream/delivery-record.ts';
import { NatsBroker } from '../../src/jetstream/nats-broker.ts';
import { defaultMaxAgeMs } from '../../src/jetstream/stream-table.ts';
import { ensureStreams, type EnsureStreamsOptions } from '../../src/jetstream/streams.ts';
import { defaultStreamNames } from '../../src/jetstream/subjects.ts';
import { silentLogger } from '../../src/logger.ts';
import { startNats, type NatsServer } from '../cluster/nats.ts';

const mebibyte = 1024 ** 2;

export const streamOptions: EnsureStreamsOptions = {
  names: defaultStreamNames,
  replicas: 1,
  partitions: 4,
  shards: 1,
  maxBytes: {
    events: 64 * mebibyte,
    retries: 64 * mebibyte,
    backlog: 64 * mebibyte,
    deadLetters: 64 * mebibyte,
    state: 16 * mebibyte,
  },
  maxAgeMs: defaultMaxAgeMs,
  mode: 'Manage',
  logger: silentLogger,
};

export function connect(server: Pick<NatsServer, 'url'>, options: Partial<NatsOptions> = {}): Promise<NatsLink> {
  return connectNats({
    servers: [server.url],
    name: 'test',
    logger: silentLogger,
    clock: systemClock,
    ...options,
  });
}

export function brokerOn(link: NatsLink): NatsBroker {
  return new NatsBroker({ link, clock: systemClock, logger: silentLogger });
}

/** A server of its own with the streams on it, and a broker; all gone when the test ends. */
export async function startBroker(onEnd: TestContext['onTestFinished']): Promise<{
  readonly server: NatsServer;
  readonly link: NatsLink;
  readonly broker: NatsBroker;
}> {
  const server = await startNats();
  onEnd(() => server.stop());
  const link = await connect(server);
  onEnd(() => link.close());
  const broker = brokerOn(link);
  onEnd(() => broker.close());
  await ensureStreams(broker.api, streamOptions);
  return { server, link, broker };
}

export const bytes = (text: string): Uint8Array => Buffer.from(text);
export const text = (data: Uint8Array): string => Buffer.from(data).toString('utf8');

export function record(fields: Partial<DeliveryRecord> = {}): DeliveryRecord {
  return {
    key: 'k-1',
    eventSequence: 1,
    eventID: 'event-1',
    eventType: 'item.created',
    storedAt: 1_700_000_000_000,
    attempt: 1,
    producerHeaders: { 'ce-id': 'event-1' },
    body: bytes('{"id":1}'),
    ...fields,
  };
}
