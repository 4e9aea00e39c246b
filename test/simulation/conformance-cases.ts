import { expect } from 'vitest';
import { parseEventSubject } from '../../src/delivery/event-identity.ts';
import { partitionOf } from '../../src/delivery/partition.ts';
import { BrokerError, type Broker, type ConsumerSpec } from '../../src/jetstream/broker.ts';
import { takeOver } from '../../src/jetstream/slot-consumers.ts';
import { defaultStreamNames as names, stateStream } from '../../src/jetstream/subjects.ts';
import { bytes, text } from '../jetstream/fixture.ts';
import { collect, eventually, type ConformanceCase, type Environment } from './conformance-environment.ts';

const scheduleSubject = 'retry.sched.0.u.k-1';
const dueSubject = 'retry.due.0.u';
const eventsSpec: ConsumerSpec = {
  stream: names.events,
  durable: 'c',
  filterSubject: `events.${partitionOf('team-a', 4)}.>`,
  maxAckPending: 1000,
};

const publishEvents = async (broker: Broker, count: number): Promise<void> => {
  for (let index = 0; index < count; index++) await broker.publish('events.team-a.item', bytes(String(index)));
};

const schedule = (broker: Broker, at: number, body: string, headers = {}) =>
  broker.publish(scheduleSubject, bytes(body), { headers, schedule: { at, target: dueSubject } });

async function due({ broker }: Environment): Promise<string[]> {
  return (await broker.directGet(names.retries, dueSubject, 0, 10)).map(({ data }) => text(data));
}

async function kindOf(work: Promise<unknown>): Promise<string | undefined> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof BrokerError ? error.kind : undefined;
}

/** What the engine relies on; DESIGN 7. Each holds on the real server and on the simulated one. */
export const conformanceCases: Readonly<Record<string, ConformanceCase>> = {
  'an event is stored under its partition': async ({ broker }) => {
    for (const source of ['team-a', 'team-b', 'public']) {
      const { sequence } = await broker.publish(`events.${source}.item.created`, bytes('{}'));
      const stored = await broker.getMessage(names.events, sequence);
      const partition = partitionOf(source, 4);
      expect(parseEventSubject(stored?.subject ?? '')).toEqual({ partition, source, type: 'item.created' });
    }
  },

  'a message id is dropped the second time, whatever its subject': async ({ broker }) => {
    const first = await broker.publish('backlog.0.a', bytes('1'), { messageID: 'id' });
    const second = await broker.publish('backlog.0.b', bytes('2'), { messageID: 'id' });
    expect(second).toEqual({ ...first, duplicate: true });
    expect((await broker.streamState(names.backlog)).messages).toBe(1);
  },

  'a write with an old revision is refused': async ({ broker }) => {
    const subject = `$KV.${names.stateBucket}.0.u`;
    const first = await broker.publish(subject, bytes('1'), { expectedLastSubjectSequence: 0 });
    expect(await kindOf(broker.publish(subject, bytes('2'), { expectedLastSubjectSequence: 0 }))).toBe(
      'WrongLastSequence',
    );
    await broker.publish(subject, bytes('3'), { expectedLastSubjectSequence: first.sequence });
    expect(text((await broker.getLast(stateStream(names), subject))!.data)).toBe('3');
    expect((await broker.streamState(stateStream(names))).messages).toBe(1);
  },

  'a purge stays below its sequence and within its filter': async ({ broker }) => {
    await broker.publish('backlog.0.a', bytes('1'));
    const second = await broker.publish('backlog.0.a', bytes('2'));
    await broker.publish('backlog.1.a', bytes('3'));
    expect(await broker.purge(names.backlog, 'backlog.0.a', second.sequence)).toEqual({ purged: 1 });
    expect((await broker.streamState(names.backlog, 'backlog.>')).subjects).toEqual({
      'backlog.0.a': 1,
      'backlog.1.a': 1,
    });
    expect(await broker.purge(names.backlog, 'backlog.*.a')).toEqual({ purged: 2 });
  },

  'a batch read takes one subject in order from a sequence': async ({ broker }) => {
    const sequences: number[] = [];
    for (let index = 0; index < 6; index++) {
      sequences.push((await broker.publish('backlog.0.a', bytes(String(index)))).sequence);
      await broker.publish('backlog.0.b', bytes(''));
    }
    const read = await broker.directGet(names.backlog, 'backlog.0.a', sequences[2]!, 3);
    expect(read.map(({ data }) => text(data))).toEqual(['2', '3', '4']);
    expect(await broker.directGet(names.backlog, 'backlog.0.a', sequences[5]! + 1, 3)).toEqual([]);
  },

  'a schedule fires when it is due, with its headers, and is gone': async (environment) => {
    const { broker, now } = environment;
    const at = now() + 1000;
    await schedule(broker, at, 'body', { 'X-Own': 'kept' });
    await environment.sleep(600);
    expect(await due(environment)).toEqual([]);
    await eventually(environment, 'fired', async () => (await due(environment)).length > 0);
    const [fired] = await broker.directGet(names.retries, dueSubject, 0, 10);
    expect(fired!.timestamp).toBeGreaterThanOrEqual(Math.floor(at));
    expect(fired!.timestamp).toBeLessThan(at + 1000);
    expect(fired!.header('X-Own')).toBe('kept');
    expect((await broker.streamState(names.retries, 'retry.>')).subjects).toEqual({ [dueSubject]: 1 });
  },

  'a schedule in the past fires at once': async (environment) => {
    await schedule(environment.broker, environment.now() - 60_000, 'late');
    await eventually(environment, 'fired', async () => (await due(environment)).length === 1, 2000);
  },

  'a schedule replaces the one on its subject': async (environment) => {
    const { broker, now } = environment;
    await schedule(broker, now() + 800, 'old');
    await schedule(broker, now() + 1200, 'new');
    await environment.sleep(2500);
    expect(await due(environment)).toEqual(['new']);
  },

  'a cancelled schedule does not fire, and cancelling an old one leaves the new one': async (environment) => {
    const { broker, now } = environment;
    const first = await schedule(broker, now() + 1500, 'old');
    await schedule(broker, now() + 1500, 'new');
    expect(await broker.purge(names.retries, scheduleSubject, first.sequence + 1)).toEqual({ purged: 0 });
    await environment.sleep(2500);
    expect(await due(environment)).toEqual(['new']);
    const third = await schedule(broker, now() + 1500, 'cancelled');
    expect(await broker.purge(names.retries, scheduleSubject, third.sequence + 1)).toEqual({ purged: 1 });
    await environment.sleep(2500);
    expect(await due(environment)).toEqual(['new']);
  },

  'an ack takes a message out of the work queue': async (environment) => {
    const { broker } = environment;
    await broker.ensureConsumer({ stream: names.retries, durable: 'r', filterSubject: dueSubject, maxAckPending: 10 });
    await broker.publish(dueSubject, bytes('1'));
    const { subscription, received } = await collect(broker, names.retries, 'r', { settle: (m) => m.ack() });
    await eventually(environment, 'removed', async () => (await broker.streamState(names.retries)).messages === 0);
    expect(received).toHaveLength(1);
    await subscription.stop();
  },

  'no more than max_ack_pending are handed out, and the floor follows the acks': async (environment) => {
    const { broker } = environment;
    await broker.ensureConsumer({ ...eventsSpec, maxAckPending: 3 });
    await publishEvents(broker, 5);
    const { subscription, received } = await collect(broker, names.events, 'c');
    await eventually(environment, 'three', () => received.length === 3);
    await environment.sleep(300);
    expect(received.map(({ data }) => text(data))).toEqual(['0', '1', '2']);
    expect(await broker.consumerState(names.events, 'c')).toMatchObject({ ackFloor: 0, ackPending: 3, pending: 2 });
    received[1]!.ack();
    await eventually(environment, 'a fourth', () => received.length === 4);
    expect((await broker.consumerState(names.events, 'c')).ackFloor).toBe(0);
    received[0]!.ack();
    await eventually(environment, 'the last', () => received.length === 5);
    expect((await broker.consumerState(names.events, 'c')).ackFloor).toBe(2);
    for (const message of received.slice(2)) message.ack();
    await eventually(
      environment,
      'all acked',
      async () => (await broker.consumerState(names.events, 'c')).ackFloor === 5,
    );
    await subscription.stop();
  },

  'what is not acked comes again after ack_wait, and an ack of the first copy counts': async (environment) => {
    const { broker } = environment;
    await broker.ensureConsumer({ ...eventsSpec, ackWaitMs: 1000 });
    await publishEvents(broker, 1);
    const { subscription, received } = await collect(broker, names.events, 'c');
    await eventually(environment, 'again', () => received.length === 2);
    expect(received.map(({ deliveryCount }) => deliveryCount)).toEqual([1, 2]);
    received[0]!.ack();
    await environment.sleep(2500);
    expect(received).toHaveLength(2);
    expect((await broker.consumerState(names.events, 'c')).ackPending).toBe(0);
    await subscription.stop();
  },

  'a nak brings a message back, at once or after its delay': async (environment) => {
    const { broker, now } = environment;
    await broker.ensureConsumer(eventsSpec);
    await publishEvents(broker, 2);
    const times: number[] = [];
    const { subscription, received } = await collect(broker, names.events, 'c', {
      settle: (message) => {
        times.push(now());
        if (message.deliveryCount > 1) message.ack();
        else message.nak(text(message.data) === '0' ? 0 : 1500);
      },
    });
    await eventually(environment, 'both again', () => received.length === 4);
    expect(received.map(({ data }) => text(data))).toEqual(['0', '1', '0', '1']);
    expect(times[2]! - times[0]!).toBeLessThan(1000);
    expect(times[3]! - times[1]!).toBeGreaterThan(1300);
    await subscription.stop();
  },

  'a purged message is pending no more': async (environment) => {
    const { broker } = environment;
    await broker.ensureConsumer({ ...eventsSpec, maxAckPending: 2 });
    await publishEvents(broker, 3);
    const { subscription, received } = await collect(broker, names.events, 'c');
    await eventually(environment, 'two', () => received.length === 2);
    await broker.purge(names.events, eventsSpec.filterSubject, 3);
    await broker.publish('events.team-a.item', bytes('3'));
    await eventually(environment, 'the others', () => received.length === 4);
    expect((await broker.consumerState(names.events, 'c')).ackPending).toBe(2);
    await subscription.stop();
  },

  'a consumer begins at its sequence and never moves when it is updated': async ({ broker }) => {
    await publishEvents(broker, 5);
    expect((await broker.ensureConsumer({ ...eventsSpec, startSequence: 3 })).pending).toBe(3);
    expect((await broker.ensureConsumer({ ...eventsSpec, startSequence: 1, maxAckPending: 7 })).pending).toBe(3);
    expect(await broker.listConsumers(names.events)).toEqual(['c']);
  },

  'a new group gets what comes, and ends the client of the old one': async (environment) => {
    const { broker } = environment;
    const second = await environment.other();
    const settle = (message: { ack(): void }): void => message.ack();
    await takeOver(broker, { ...eventsSpec, pinnedGroup: 'g1' });
    const old = await collect(broker, names.events, 'c', { settle, pinnedGroup: 'g1' });
    await publishEvents(broker, 5);
    await eventually(environment, 'the first five', () => old.received.length === 5);
    await takeOver(second, { ...eventsSpec, pinnedGroup: 'g2' });
    const next = await collect(second, names.events, 'c', { settle, pinnedGroup: 'g2' });
    await publishEvents(broker, 50);
    await eventually(environment, 'the rest', () => old.received.length + next.received.length === 55);
    expect(old.received.length).toBeLessThanOrEqual(7);
    expect(await old.subscription.closed).toEqual({ reason: 'GroupChanged' });
    await next.subscription.stop();
  },

  'what is gone has a kind of its own': async ({ broker }) => {
    expect(await kindOf(broker.consumerState(names.events, 'none'))).toBe('ConsumerNotFound');
    expect(await kindOf(broker.streamState('NONE'))).toBe('StreamNotFound');
    expect(await kindOf(broker.consume(names.events, 'none', { maxMessages: 1 }, () => undefined))).toBe(
      'ConsumerNotFound',
    );
    expect(await broker.getMessage(names.events, 9)).toBeUndefined();
    expect(await broker.getLast(names.backlog, 'backlog.0.none')).toBeUndefined();
  },

  'a deleted consumer ends its subscription': async ({ broker }) => {
    await broker.ensureConsumer(eventsSpec);
    const { subscription } = await collect(broker, names.events, 'c');
    await broker.deleteConsumer(names.events, 'c');
    expect(await subscription.closed).toEqual({ reason: 'ConsumerGone' });
  },
};
