import { randomUUID } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { BacklogStore } from '../../src/jetstream/backlog-store.ts';
import { decodeRecord } from '../../src/jetstream/delivery-record.ts';
import { DeadLetterStore } from '../../src/jetstream/dead-letter-store.ts';
import { loadRecord } from '../../src/jetstream/event-reference.ts';
import { RetryStore } from '../../src/jetstream/retry-store.ts';
import { StateStore } from '../../src/jetstream/state-store.ts';
import { retriesConsumerName, slotConsumerSpecs } from '../../src/jetstream/slot-consumers.ts';
import { defaultStreamNames as names, stateSubject } from '../../src/jetstream/subjects.ts';
import type { ConsumedMessage } from '../../src/jetstream/broker.ts';
import { deliveryKey } from '../../src/delivery/event-identity.ts';
import { bytes, record, startBroker, text } from './fixture.ts';

const uid = randomUUID();

async function dueRetries(broker: Awaited<ReturnType<typeof startBroker>>['broker']) {
  const spec = slotConsumerSpecs({ names, slot: 3, partition: 3, generation: 1, startSequence: 1 }).retries;
  await broker.ensureConsumer(spec);
  const due: ConsumedMessage[] = [];
  const options = { maxMessages: 100, pinnedGroup: 'g1' };
  const subscription = await broker.consume(names.retries, retriesConsumerName(3), options, (message) => {
    due.push(message);
  });
  return { due, subscription };
}

test('a schedule fires with the record, a replaced one fires once as the newer, a cancelled one never', async ({
  onTestFinished,
}) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.followClock(names.retries);
  const retries = new RetryStore(broker, names);
  const { due, subscription } = await dueRetries(broker);
  const now = Date.now();

  await retries.schedule(3, uid, record({ key: 'a-1', attempt: 2 }), now + 600_000);
  const cancelled = await retries.schedule(3, uid, record({ key: 'a-2', attempt: 2 }), now + 700);
  await retries.schedule(3, uid, record({ key: 'a-1', attempt: 3 }), now + 900);
  expect(await retries.countWaiting(3)).toEqual(new Map([[uid, 2]]));
  expect(await retries.cancel(3, uid, 'a-2', cancelled)).toBe(true);
  expect(await retries.cancel(3, uid, 'a-2', cancelled)).toBe(false);

  await vi.waitFor(() => expect(due).toHaveLength(1), { timeout: 5000 });
  await subscription.stop();
  const fired = decodeRecord(due[0]!);
  expect(fired).toMatchObject({ key: 'a-1', attempt: 3, dueAt: now + 900, producerHeaders: { 'ce-id': 'event-1' } });
  expect(text(due[0]!.data)).toBe('{"id":1}');
  expect(due[0]!.header('Nats-Scheduler')).toBe(`retry.sched.3.${uid}.a-1`);
  expect(await retries.countWaiting(3)).toEqual(new Map([[uid, 1]]));
  await retries.purgeWebhook(3, uid);
  expect(await retries.countWaiting(3)).toEqual(new Map());
});

test('cancelling with the confirmation of an older schedule leaves the newer one', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const retries = new RetryStore(broker, names);
  const older = await retries.schedule(3, uid, record({ key: 'a-1' }), Date.now() + 600_000);
  await retries.schedule(3, uid, record({ key: 'a-1', attempt: 2 }), Date.now() + 600_000);
  expect(await retries.cancel(3, uid, 'a-1', older)).toBe(false);
  expect(await retries.countWaiting(3)).toEqual(new Map([[uid, 1]]));
});

test('a backlog is read in order, cut from the front, and empty at the end', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const backlog = new BacklogStore(broker, names);
  const other = randomUUID();
  const sequences: number[] = [];
  for (const key of ['a-1', 'a-2', 'a-3']) {
    sequences.push(await backlog.append(1, uid, record({ key, heldBy: 'Suspend' }), randomUUID()));
    await backlog.append(1, other, record({ key }), randomUUID());
  }
  await broker.publish(`backlog.1.${uid}`, bytes('not a record'));
  expect(await backlog.nonEmpty(1)).toEqual(
    new Map([
      [uid, 4],
      [other, 3],
    ]),
  );

  const entries = await backlog.read(1, uid, 0, 10);
  expect(entries.map((entry) => entry.record?.key)).toEqual(['a-1', 'a-2', 'a-3', undefined]);
  expect(entries.slice(0, 3).map((entry) => entry.sequence)).toEqual(sequences);
  expect((await backlog.read(1, uid, sequences[1]!, 1)).map((entry) => entry.record?.key)).toEqual(['a-2']);

  await backlog.cut(1, uid, sequences[1]!);
  expect((await backlog.read(1, uid, 0, 10)).map((entry) => entry.record?.key)).toEqual(['a-3', undefined]);
  expect(await backlog.isEmpty(1, uid)).toBe(false);
  await backlog.purgeWebhook(1, uid);
  expect(await backlog.isEmpty(1, uid)).toBe(true);
  expect(await backlog.read(1, uid, 0, 10)).toEqual([]);
  expect(await backlog.nonEmpty(1)).toEqual(new Map([[other, 3]]));
});

test('a repeated append with the same message id is stored once', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const backlog = new BacklogStore(broker, names);
  const id = randomUUID();
  const first = await backlog.append(1, uid, record(), id);
  expect(await backlog.append(1, uid, record(), id)).toBe(first);
  expect(await backlog.nonEmpty(1)).toEqual(new Map([[uid, 1]]));
});

test('a dead letter keeps the last failure and the bytes of the event', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const letters = new DeadLetterStore(broker, names);
  const last = { statusCode: 500, reason: 'HTTPStatus', message: 'line one\nZürich 100 %' };
  await letters.append(2, uid, record({ last, attempt: 8 }), randomUUID());
  const [entry] = await letters.read(2, uid, 0, 10);
  expect(entry?.record).toMatchObject({ last, attempt: 8 });
  expect(entry?.record?.body).toEqual(bytes('{"id":1}'));
});

test('a body that does not fit travels as a reference and is read from EVENTS', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const body = Buffer.alloc(broker.maxPayload - 32 * 1024, 'x');
  const headers = { 'ce-id': 'big', 'Nats-Msg-Id': 'big' };
  const { sequence } = await broker.publish('events.team-a.item.created', body, { headers });
  const { created } = await broker.streamState(names.events);
  const key = deliveryKey(created, sequence);
  const backlog = new BacklogStore(broker, names);
  await backlog.append(1, uid, record({ key, eventSequence: sequence, body }), randomUUID());

  const [entry] = await backlog.read(1, uid, 0, 1);
  expect(entry?.record?.body).toEqual({ reference: sequence });
  const loaded = await loadRecord(broker, names, entry!.record!);
  expect(loaded?.body.byteLength).toBe(body.byteLength);
  expect(loaded?.producerHeaders).toEqual({ 'ce-id': 'big' });

  expect(await loadRecord(broker, names, { ...entry!.record!, key: `0-${sequence}` })).toBeUndefined();
  await broker.purge(names.events, 'events.>');
  expect(await loadRecord(broker, names, entry!.record!)).toBeUndefined();
});

test('state is written by compare-and-set, listed, and deleted only as it was read', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const state = new StateStore(broker, names);
  expect(await state.get(1, uid)).toBeUndefined();
  const first = await state.put(1, uid, { streak: 1 }, 0);
  await expect(state.put(1, uid, { streak: 9 }, 0)).rejects.toMatchObject({ kind: 'WrongLastSequence' });
  const second = await state.put(1, uid, { streak: 2 }, first);
  await expect(state.put(1, uid, { streak: 9 }, first)).rejects.toMatchObject({ kind: 'WrongLastSequence' });
  expect(await state.get(1, uid)).toEqual({ value: { streak: 2 }, revision: second });

  await broker.publish(stateSubject(names, 1, 'broken'), bytes('{'));
  await state.writeClaim(1, { generation: 7, member: 'pod-a', released: false }, 0);
  await state.writeFloor(1, { created: '2026-01-01T00:00:00Z', sequence: 12 }, 0);
  expect(await state.list(1)).toEqual({
    values: new Map([[uid, { value: { streak: 2 }, revision: second }]]),
    corrupt: ['broken'],
  });
  expect((await state.list(2)).values.size).toBe(0);
  expect((await state.readClaim(1))?.value).toEqual({
    generation: 7,
    member: 'pod-a',
    released: false,
    unsettled: false,
  });
  expect((await state.readFloor(1))?.value.sequence).toBe(12);
  expect(await state.readClaim(9)).toBeUndefined();
  expect(await state.readFloor(9)).toBeUndefined();

  await state.delete(1, uid, first);
  expect(await state.get(1, uid)).toBeDefined();
  await state.delete(1, uid, second);
  expect(await state.get(1, uid)).toBeUndefined();
  await state.put(1, uid, { streak: 0 }, 0);
});

test('a key that was deleted with KV tools counts as absent and can be written anew', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const state = new StateStore(broker, names);
  await state.put(1, uid, { streak: 1 }, 0);
  await broker.publish(stateSubject(names, 1, uid), bytes(''), { headers: { 'KV-Operation': 'DEL' } });
  expect(await state.get(1, uid)).toBeUndefined();
  expect((await state.list(1)).values.size).toBe(0);
  await state.put(1, uid, { streak: 5 }, 0);
  expect((await state.get(1, uid))?.value).toEqual({ streak: 5 });
});

test('a claim or floor that the operator did not write is an error, not a guess', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const state = new StateStore(broker, names);
  await state.put(1, 'owner', { generation: -1 }, 0);
  await state.put(1, 'floor', { sequence: 'x' }, 0);
  await expect(state.readClaim(1)).rejects.toMatchObject({ code: 'WHO_STATE_CORRUPT' });
  await expect(state.readFloor(1)).rejects.toMatchObject({ code: 'WHO_STATE_CORRUPT' });
});
