import { expect, test } from 'vitest';
import { ensureStreams, StreamsUnfitError, type EnsureStreamsOptions } from '../../src/jetstream/streams.ts';
import { streamTable } from '../../src/jetstream/stream-table.ts';
import { defaultStreamNames as names, stateStream } from '../../src/jetstream/subjects.ts';
import { silentLogger } from '../../src/logger.ts';
import { startNats } from '../cluster/nats.ts';
import { brokerOn, bytes, connect, startBroker, streamOptions } from './fixture.ts';

interface Info {
  readonly config: Readonly<Record<string, unknown>>;
}

const all = [names.events, names.retries, names.backlog, names.deadLetters, stateStream(names)];

test('what was made needs no second change, and every field is as the table says', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const changed: string[] = [];
  const logger = { ...silentLogger, info: (message: string) => changed.push(message) };
  await ensureStreams(broker.api, { ...streamOptions, logger });
  await ensureStreams(broker.api, { ...streamOptions, mode: 'External', logger });
  expect(changed).toEqual([]);
  for (const wanted of streamTable(streamOptions)) {
    const { config } = await broker.api.request<Info>(`STREAM.INFO.${wanted.name}`, undefined, 'test');
    const { sources, metadata, ...rest } = wanted;
    // The server leaves out what is false.
    expect({ discard_new_per_subject: false, ...config }).toMatchObject(rest);
    expect(config['metadata']).toMatchObject(metadata);
    expect(config['sources'] ?? []).toEqual(sources ?? []);
  }
});

test('several replicas may make the streams at once', async ({ onTestFinished }) => {
  const server = await startNats();
  onTestFinished(() => server.stop());
  const links = await Promise.all([1, 2, 3].map(() => connect(server)));
  onTestFinished(async () => {
    await Promise.all(links.map((link) => link.close()));
  });
  await Promise.all(links.map((link) => ensureStreams(brokerOn(link).api, streamOptions)));
  const state = await brokerOn(links[0]!).streamState(names.events);
  expect(state.metadata['webhook-operator.dev/shards']).toBe('1');
});

test.for(['partitions', 'shards'] as const)(
  'other %s than at install stop the start',
  async (field, { onTestFinished }) => {
    const { broker } = await startBroker(onTestFinished);
    for (const mode of ['Manage', 'External'] as const) {
      const other = ensureStreams(broker.api, { ...streamOptions, mode, [field]: 8 });
      await expect(other).rejects.toMatchObject({
        code: 'WHO_PARTITIONS_MISMATCH',
        message: expect.stringContaining(`start it with --${field}=${streamOptions[field]}`),
      });
    }
  },
);

test('sizes, ages and sources follow the options', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.api.request('STREAM.CREATE.ORDERS', { name: 'ORDERS', subjects: ['orders.>'], storage: 'file' }, 'test');
  await broker.publish('orders.created.eu', bytes('{"order":1}'), { headers: { 'Nats-Msg-Id': 'o-1' } });
  const options: EnsureStreamsOptions = {
    ...streamOptions,
    maxBytes: { ...streamOptions.maxBytes, backlog: 128 * 1024 ** 2 },
    maxAgeMs: { ...streamOptions.maxAgeMs, deadLetters: 3_600_000 },
    sources: [{ stream: 'ORDERS', subject: 'orders.>', source: 'shop', type: 'order.>' }],
  };
  await ensureStreams(broker.api, options);
  expect((await broker.streamState(names.backlog)).maxBytes).toBe(128 * 1024 ** 2);
  const { config } = await broker.api.request<Info>(`STREAM.INFO.${names.deadLetters}`, undefined, 'test');
  expect(config['max_age']).toBe(3_600_000 * 1e6);

  await expect.poll(async () => (await broker.streamState(names.events)).messages, { timeout: 10_000 }).toBe(1);
  const event = await broker.getMessage(names.events, 1);
  expect(event?.subject).toMatch(/^events\.[0-3]\.shop\.order\.created\.eu$/);
  expect(event?.header('nats-msg-id')).toBe('o-1');

  await ensureStreams(broker.api, { ...options, mode: 'External' });
  await ensureStreams(broker.api, { ...options, sources: [] });
  const events = await broker.api.request<Info>(`STREAM.INFO.${names.events}`, undefined, 'test');
  expect(events.config['sources'] ?? []).toEqual([]);
});

test('external streams are checked only: every one that is missing is named, and none is made', async ({
  onTestFinished,
}) => {
  const server = await startNats();
  onTestFinished(() => server.stop());
  const link = await connect(server);
  onTestFinished(() => link.close());
  const broker = brokerOn(link);
  const error = await ensureStreams(broker.api, { ...streamOptions, mode: 'External' }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StreamsUnfitError);
  expect((error as StreamsUnfitError).problems).toEqual(all.map((name) => `stream ${name} does not exist`));
  await expect(broker.streamState(names.events)).rejects.toMatchObject({ kind: 'StreamNotFound' });
});

test('an external stream may choose its sizes and ages, and every other difference is named', async ({
  onTestFinished,
}) => {
  const { broker } = await startBroker(onTestFinished);
  const change = async (name: string, fields: object) => {
    const { config } = await broker.api.request<Info>(`STREAM.INFO.${name}`, undefined, 'test');
    await broker.api.request(`STREAM.UPDATE.${name}`, { ...config, ...fields }, 'test');
  };
  const check = () => ensureStreams(broker.api, { ...streamOptions, mode: 'External' });
  await change(names.events, { max_bytes: 1024 ** 2, max_age: 60e9 });
  await check();

  await change(names.events, { duplicate_window: 1e9 });
  await change(names.backlog, { discard: 'old', discard_new_per_subject: false, max_msgs_per_subject: 5 });
  await change(names.retries, { max_age: 3600e9 });
  await expect(check()).rejects.toMatchObject({
    code: 'WHO_STREAMS_UNFIT',
    problems: [
      'EVENTS: duplicate_window is 1000000000, must be 100000000',
      'RETRIES: max_age is 3600000000000, must be 0',
      expect.stringContaining('BACKLOG: '),
      expect.stringContaining('BACKLOG: '),
      expect.stringContaining('BACKLOG: '),
    ],
  });
  await ensureStreams(broker.api, streamOptions);
  await check();
});

test('a change that would lose events is refused, and then nothing else is changed either', async ({
  onTestFinished,
}) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.publish('events.team-a.x', bytes('{}'));
  await broker.publish('backlog.0.u', Buffer.alloc(5000));
  const { config } = await broker.api.request<Info>(`STREAM.INFO.${names.events}`, undefined, 'test');
  const other = { src: 'events.*.>', dest: 'events.{{partition(2,1)}}.{{wildcard(1)}}.>' };
  await broker.api.request(`STREAM.UPDATE.${names.events}`, { ...config, subject_transform: other }, 'test');
  const maxBytes = { ...streamOptions.maxBytes, backlog: 2000, deadLetters: 32 * 1024 ** 2 };
  await expect(ensureStreams(broker.api, { ...streamOptions, maxBytes })).rejects.toMatchObject({
    code: 'WHO_STREAMS_UNFIT',
    problems: [
      expect.stringMatching(/^EVENTS: subject_transform is .*partition\(2,1\).* must be .*partition\(4,1\)/),
      expect.stringContaining('BACKLOG: max_bytes is 67108864, must be 2000 (it already holds more than that)'),
    ],
  });
  expect((await broker.streamState(names.deadLetters)).maxBytes).toBe(streamOptions.maxBytes.deadLetters);
});
