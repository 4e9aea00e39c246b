import { expect, test, vi } from 'vitest';
import { BrokerError } from '../../src/jetstream/broker.ts';
import { partitionOf } from '../../src/delivery/partition.ts';
import { parseEventSubject } from '../../src/delivery/event-identity.ts';
import { defaultStreamNames as names, stateStream } from '../../src/jetstream/subjects.ts';
import { bytes, startBroker, text } from './fixture.ts';

test('an event is stored under the partition that the operator computes', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  for (const source of ['team-a', 'team-b', 'public', 'x', 'größe']) {
    const { sequence } = await broker.publish(`events.${source}.item.created`, bytes('{}'));
    const stored = await broker.getMessage(names.events, sequence);
    const subject = parseEventSubject(stored?.subject ?? '');
    expect(subject).toEqual({ partition: partitionOf(source, 4), source, type: 'item.created' });
  }
});

test('a message keeps its headers, bytes and time, whichever way it is read', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const before = Date.now();
  const headers = { 'X-Team': 'a b', 'x-utf8': 'größe' };
  const { sequence, stream, duplicate } = await broker.publish('backlog.0.u', bytes('body'), { headers });
  expect({ stream, duplicate }).toEqual({ stream: names.backlog, duplicate: false });

  const [direct] = await broker.directGet(names.backlog, 'backlog.0.u', 0, 10);
  const bySequence = await broker.getMessage(names.backlog, sequence);
  const last = await broker.getLast(names.backlog, 'backlog.0.u');
  for (const message of [direct, bySequence, last]) {
    expect(message?.subject).toBe('backlog.0.u');
    expect(message?.sequence).toBe(sequence);
    expect(message?.header('x-TEAM')).toBe('a b');
    expect(message?.header('absent')).toBe('');
    expect(message?.headers()).toMatchObject(headers);
    expect(text(message!.data)).toBe('body');
    expect(Math.abs(message!.timestamp - before)).toBeLessThan(5000);
  }
  expect(await broker.getMessage(names.backlog, sequence + 1)).toBeUndefined();
  expect(await broker.getLast(names.backlog, 'backlog.0.nobody')).toBeUndefined();
});

test('a batch read takes one subject in order, from a sequence, up to a limit', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const sequences: number[] = [];
  for (let index = 0; index < 10; index += 1) {
    sequences.push((await broker.publish('backlog.0.a', bytes(String(index)))).sequence);
    await broker.publish('backlog.0.b', bytes(''));
  }
  const read = await broker.directGet(names.backlog, 'backlog.0.a', sequences[3]!, 4);
  expect(read.map((message) => text(message.data))).toEqual(['3', '4', '5', '6']);
  expect((await broker.directGet(names.backlog, 'backlog.0.b', 0, 100)).map(({ data }) => data.byteLength)).toEqual(
    Array.from({ length: 10 }, () => 0),
  );
  expect(await broker.directGet(names.backlog, 'backlog.0.a', sequences[9]! + 1, 5)).toEqual([]);
  const many = await Promise.all(
    Array.from({ length: 200 }, () => broker.directGet(names.backlog, 'backlog.0.a', 0, 10)),
  );
  expect(many.every((messages) => messages.length === 10)).toBe(true);
});

test('a purge stays below its sequence and takes wildcards', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const first = await broker.publish('backlog.0.a', bytes('1'));
  const second = await broker.publish('backlog.0.a', bytes('2'));
  await broker.publish('backlog.1.a', bytes('3'));
  expect(await broker.purge(names.backlog, 'backlog.0.a', second.sequence)).toEqual({ purged: 1 });
  expect(await broker.getMessage(names.backlog, first.sequence)).toBeUndefined();
  expect(await broker.purge(names.backlog, 'backlog.*.a')).toEqual({ purged: 2 });
  expect(await broker.purge(names.backlog, 'backlog.*.a')).toEqual({ purged: 0 });
});

test('the state of a stream tells its size, its age and its subjects', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.publish('backlog.0.a', bytes('1'));
  await broker.publish('backlog.0.a', bytes('2'));
  await broker.publish('backlog.1.b', bytes('3'));
  const state = await broker.streamState(names.backlog, 'backlog.*.*');
  expect(state).toMatchObject({ name: names.backlog, messages: 3, firstSequence: 1, lastSequence: 3 });
  expect(state.subjects).toEqual({ 'backlog.0.a': 2, 'backlog.1.b': 1 });
  expect(state.metadata['webhook-operator.dev/partitions']).toBe('4');
  expect(Date.parse(state.created)).toBeGreaterThan(Date.now() - 60_000);
  expect((await broker.streamState(names.backlog)).subjects).toBeUndefined();
});

test('the subjects of a stream come whole although the server pages them', async ({ onTestFinished }) => {
  const { broker, link } = await startBroker(onTestFinished);
  const count = 100_500;
  for (let index = 0; index < count; index += 1) link.connection.publish(`backlog.0.w${index}`);
  await link.connection.flush();
  await vi.waitFor(async () => expect((await broker.streamState(names.backlog)).messages).toBe(count), 30_000);
  const { subjects } = await broker.streamState(names.backlog, 'backlog.>');
  expect(Object.keys(subjects ?? {})).toHaveLength(count);
});

test('every refusal has its own kind', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const kindOf = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return error instanceof BrokerError ? error.kind : error;
  };
  await broker.publish('backlog.0.a', bytes('1'));
  const casOptions = { expectedLastSubjectSequence: 7 };
  expect(await kindOf(broker.publish('backlog.0.a', bytes('2'), casOptions))).toBe('WrongLastSequence');
  expect(await kindOf(broker.publish('backlog.0.a', Buffer.alloc(broker.maxPayload + 1)))).toBe('TooLarge');
  expect(await kindOf(broker.publish('nobody.listens', bytes('')))).toBe('Unavailable');
  expect(await kindOf(broker.publish('retry.due.0.u', bytes(''), { headers: { 'bad name': 'x' } }))).toBe('Rejected');
  expect(
    await kindOf(broker.publish('retry.sched.0.u.k', bytes(''), { schedule: { at: 0, target: 'elsewhere' } })),
  ).toBe('Rejected');
  expect(await kindOf(broker.streamState('NONE'))).toBe('StreamNotFound');
  expect(await kindOf(broker.purge('NONE', 'x'))).toBe('StreamNotFound');
  expect(await kindOf(broker.getLast('NONE', 'x'))).toBe('StreamNotFound');
  expect(await kindOf(broker.directGet('NONE', 'x', 0, 1))).toBe('StreamNotFound');
  expect(await kindOf(broker.consumerState('NONE', 'c'))).toBe('StreamNotFound');
  expect(await kindOf(broker.consumerState(names.events, 'c'))).toBe('ConsumerNotFound');
  expect(await kindOf(broker.deleteConsumer(names.events, 'c'))).toBe('ConsumerNotFound');
  expect(await kindOf(broker.consume(names.events, 'c', { maxMessages: 1 }, () => undefined))).toBe('ConsumerNotFound');
});

test('a full subject is told from a full stream', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const info = await broker.api.request<{ config: object }>(`STREAM.INFO.${names.backlog}`, undefined, 'test');
  const limit = (change: object) =>
    broker.api.request(`STREAM.UPDATE.${names.backlog}`, { ...info.config, ...change }, 'test');

  await limit({ max_msgs_per_subject: 2 });
  await broker.publish('backlog.0.a', bytes('1'));
  await broker.publish('backlog.0.a', bytes('2'));
  await expect(broker.publish('backlog.0.a', bytes('3'))).rejects.toMatchObject({ kind: 'SubjectFull' });
  await broker.publish('backlog.0.b', bytes('1'));

  await limit({ max_bytes: 1000 });
  await expect(broker.publish('backlog.0.b', Buffer.alloc(900))).rejects.toMatchObject({ kind: 'StreamFull' });
  await limit({ max_msgs: 3 });
  await expect(broker.publish('backlog.0.c', bytes('1'))).rejects.toMatchObject({ kind: 'StreamFull' });
});

test('a message over the limit of its stream is too large', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const config = { name: 'SMALL', subjects: ['small'], storage: 'memory', max_bytes: -1, max_msg_size: 10 };
  await broker.api.request('STREAM.CREATE.SMALL', config, 'test');
  await expect(broker.publish('small', Buffer.alloc(20))).rejects.toMatchObject({ kind: 'TooLarge' });
});

test('without a server nothing is confirmed, and with it again everything is', async ({ onTestFinished }) => {
  const { broker, server } = await startBroker(onTestFinished);
  await broker.publish('backlog.0.a', bytes('1'));
  const killedAt = performance.now();
  await server.kill();
  const results = await Promise.allSettled([
    broker.publish('backlog.0.a', bytes('2')),
    broker.getLast(names.backlog, 'backlog.0.a'),
    broker.directGet(names.backlog, 'backlog.0.a', 0, 1),
    broker.streamState(stateStream(names)),
  ]);
  expect(performance.now() - killedAt).toBeLessThan(2000);
  for (const result of results) expect(result).toMatchObject({ reason: { kind: 'Unavailable' } });
  await server.start();
  await vi.waitFor(() => broker.publish('backlog.0.a', bytes('3')), 15_000);
  const messages = await broker.directGet(names.backlog, 'backlog.0.a', 0, 10);
  expect(text(messages[0]!.data)).toBe('1');
  expect(text(messages.at(-1)!.data)).toBe('3');
});

test('consumers are listed, looked at and removed', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  expect(await broker.listConsumers(names.events)).toEqual([]);
  const spec = { stream: names.events, filterSubject: 'events.0.>', maxAckPending: 10 };
  for (const durable of ['c-1', 'c-2']) await broker.ensureConsumer({ ...spec, durable });
  expect((await broker.listConsumers(names.events)).toSorted()).toEqual(['c-1', 'c-2']);
  await broker.deleteConsumer(names.events, 'c-1');
  expect(await broker.listConsumers(names.events)).toEqual(['c-2']);
  expect(await broker.consumerState(names.events, 'c-2')).toMatchObject({ ackFloor: 0, ackPending: 0, pending: 0 });
});

test('an existing consumer takes a new group and limit and keeps its place', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const spec = { stream: names.events, durable: 'c', filterSubject: 'events.>', maxAckPending: 10, startSequence: 3 };
  for (let index = 0; index < 5; index += 1) await broker.publish('events.team-a.x', bytes(''));
  const made = await broker.ensureConsumer({ ...spec, pinnedGroup: 'g1' });
  expect(made.pending).toBe(3);
  const updated = await broker.ensureConsumer({ ...spec, pinnedGroup: 'g2', maxAckPending: 20, startSequence: 1 });
  expect(updated).toMatchObject({ pending: 3, created: made.created });
  const info = await broker.api.request<{ config: object }>(`CONSUMER.INFO.${names.events}.c`, undefined, 'test');
  expect(info.config).toMatchObject({
    priority_groups: ['g2'],
    priority_policy: 'pinned_client',
    max_ack_pending: 20,
    max_deliver: -1,
    ack_wait: 30e9,
    ack_policy: 'explicit',
  });
  const racing = Array.from({ length: 8 }, () => broker.ensureConsumer({ ...spec, durable: 'raced' }));
  expect(new Set((await Promise.all(racing)).map(({ created }) => created)).size).toBe(1);
});

test('the offset to the clock of the server is measured', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.followClock(names.retries);
  expect(Math.abs(broker.clockOffsetMs())).toBeLessThan(50);
});
