import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { expect, test, vi, type TestContext } from 'vitest';
import { BacklogStore } from '../../src/jetstream/backlog-store.ts';
import type { ConsumedMessage } from '../../src/jetstream/broker.ts';
import { DeadLetterStore } from '../../src/jetstream/dead-letter-store.ts';
import { operatorPermissions } from '../../src/jetstream/permissions.ts';
import { RetryStore } from '../../src/jetstream/retry-store.ts';
import { slotConsumerSpecs, takeOver } from '../../src/jetstream/slot-consumers.ts';
import { StateStore } from '../../src/jetstream/state-store.ts';
import { ensureStreams } from '../../src/jetstream/streams.ts';
import { defaultStreamNames as names, eventSubject } from '../../src/jetstream/subjects.ts';
import { partitionOf } from '../../src/delivery/partition.ts';
import { createAuthority, loopbackHosts } from '../cluster/certificates.ts';
import { startNats } from '../cluster/nats.ts';
import { temporaryFolder } from '../cluster/scratch.ts';
import { brokerOn, bytes, connect, record, streamOptions } from './fixture.ts';

/** A server with mTLS on which the operator has only its nkey's permissions, and a producer all. */
async function startGuarded(onEnd: TestContext['onTestFinished'], streams: 'Manage' | 'External') {
  const authority = createAuthority();
  const operator = nkeys.createUser();
  const producer = nkeys.createUser();
  const list = (subjects: readonly string[]) => `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`;
  const { publish, subscribe } = operatorPermissions(names, streams);
  const server = await startNats({
    tls: { ...authority.issue({ commonName: 'nats', hosts: loopbackHosts }), ca: authority.certificate, verify: true },
    config: `authorization { users: [
      { nkey: ${operator.getPublicKey()}, permissions: { publish: ${list(publish)}, subscribe: ${list(subscribe)} } },
      { nkey: ${producer.getPublicKey()} }
    ] }`,
  });
  onEnd(() => server.stop());
  const folder = temporaryFolder('guarded');
  const file = (name: string, contents: string) => {
    const path = join(folder, name);
    writeFileSync(path, contents, { mode: 0o600 });
    return path;
  };
  const client = authority.issue({ commonName: 'client' });
  const link = async (name: string, user: typeof operator) => {
    const made = await connect(server, {
      nkey: file(`${name}.seed`, Buffer.from(user.getSeed()).toString('ascii')),
      ca: file('ca.crt', authority.certificate),
      cert: file('client.crt', client.certificate),
      key: file('client.key', client.key),
    });
    onEnd(() => made.close());
    return made;
  };
  return { operator: brokerOn(await link('operator', operator)), producer: brokerOn(await link('producer', producer)) };
}

test.for(['Manage', 'External'] as const)(
  'where streams are %s, the documented permissions are enough for everything',
  async (mode, { onTestFinished }) => {
    const { operator: broker, producer } = await startGuarded(onTestFinished, mode);
    if (mode === 'External') await ensureStreams(producer.api, streamOptions);
    await ensureStreams(broker.api, { ...streamOptions, mode });
    await broker.followClock(names.retries);
    onTestFinished(() => broker.close());
    const uid = randomUUID();
    const partition = partitionOf('team-a', 4);

    const received: ConsumedMessage[] = [];
    const specs = slotConsumerSpecs({ names, slot: partition, partition, generation: 1, startSequence: 1 });
    const subscriptions = [];
    for (const spec of [specs.events, specs.retries]) {
      await takeOver(broker, spec);
      const options = { maxMessages: 10, pinnedGroup: 'g1' };
      subscriptions.push(
        await broker.consume(spec.stream, spec.durable, options, (message) => {
          received.push(message);
          message.ack();
        }),
      );
    }
    await producer.publish(eventSubject('team-a', 'item.created'), bytes('{}'));
    const retries = new RetryStore(broker, names);
    await retries.schedule(partition, uid, record(), Date.now());
    await vi.waitFor(() => expect(received).toHaveLength(2), 5000);
    for (const spec of [specs.events, specs.retries]) {
      await vi.waitFor(async () =>
        expect(await broker.consumerState(spec.stream, spec.durable)).toMatchObject({ ackPending: 0, pending: 0 }),
      );
    }
    expect(await broker.getMessage(names.events, 1)).toBeDefined();

    const parked = await retries.schedule(partition, uid, record(), Date.now() + 60_000);
    expect(await retries.countWaiting(partition)).toEqual(new Map([[uid, 1]]));
    expect(await retries.cancel(partition, uid, 'k-1', parked)).toBe(true);
    await retries.purgeWebhook(partition, uid);

    for (const store of [new BacklogStore(broker, names), new DeadLetterStore(broker, names)]) {
      const sequence = await store.append(partition, uid, record(), randomUUID());
      expect(await store.read(partition, uid, 0, 10)).toHaveLength(1);
      expect(await store.nonEmpty(partition)).toEqual(new Map([[uid, 1]]));
      await store.cut(partition, uid, sequence);
      expect(await store.isEmpty(partition, uid)).toBe(true);
    }

    const state = new StateStore(broker, names);
    await state.writeClaim(partition, { generation: 1, member: 'a', released: false }, 0);
    const revision = await state.put(partition, uid, {}, 0);
    expect((await state.list(partition)).values.size).toBe(1);
    await state.delete(partition, uid, revision);

    await broker.publish('events.team-a.webhook-operator.disabled', bytes('{}'));
    for (const subscription of subscriptions) await subscription.stop();
    expect(await broker.listConsumers(names.events)).toEqual([specs.events.durable]);
    await broker.deleteConsumer(names.events, specs.events.durable);
  },
);

test('what is not documented is refused', async ({ onTestFinished }) => {
  const { operator: broker } = await startGuarded(onTestFinished, 'Manage');
  await ensureStreams(broker.api, streamOptions);
  await expect(broker.publish(eventSubject('team-a', 'item.created'), bytes('{}'))).rejects.toMatchObject({
    kind: 'Rejected',
  });
  await expect(broker.api.request(`STREAM.DELETE.${names.events}`, undefined, 'Delete')).rejects.toMatchObject({
    kind: 'Rejected',
  });
});
