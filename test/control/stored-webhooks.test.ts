import { expect, test } from 'vitest';
import { StoredWebhooks } from '../../src/control/stored-webhooks.ts';
import { engineStores } from '../../src/delivery/engine-stores.ts';
import { eventsConsumerName, orderedConsumerSpec } from '../../src/jetstream/slot-consumers.ts';
import { defaultStreamNames, stateSubject } from '../../src/jetstream/subjects.ts';
import { record, startBroker, streamOptions } from '../jetstream/fixture.ts';

const names = defaultStreamNames;
const state = (namespace: string) => ({
  namespace,
  name: 'w',
  epoch: 1,
  streak: 0,
  exhausted: 0,
  lost: 0,
  handled: { generation: 1 },
});

test('everything that is stored of a Webhook is found, wherever it is, and removed with nothing else', async ({
  onTestFinished,
}) => {
  const { broker } = await startBroker(onTestFinished);
  const stores = engineStores(broker, names);
  const stored = new StoredWebhooks({ broker, names, stores, slotCount: streamOptions.partitions });
  expect(await stored.enumerate()).toEqual(new Map());

  await stores.state.writeClaim(1, { generation: 1, member: 'm', released: false }, 0);
  await stores.state.writeFloor(1, { created: 'c', sequence: 1 }, 0);
  await stores.state.put(0, 'in-state', state('team-a'), 0);
  await stores.state.put(2, 'kept', state('team-b'), 0);
  await broker.publish(stateSubject(names, 1, 'corrupt'), Buffer.from('{'));
  await stores.retries.schedule(1, 'in-retries', record({ key: 'k1' }), Date.now() + 3_600_000);
  await stores.retries.schedule(1, 'in-retries', record({ key: 'k2' }), Date.now() + 3_600_000);
  await stores.backlog.append(2, 'in-backlog', record(), 'm1');
  await stores.backlog.append(2, 'kept', record(), 'm2');
  await stores.deadLetters.append(3, 'in-dead', record(), 'm3');
  await stores.deadLetters.append(0, 'in-state', record(), 'm4');
  const spec = { names, partition: 0, source: 'team-a', generation: 1, startSequence: 1 };
  await broker.ensureConsumer(orderedConsumerSpec({ ...spec, uid: 'ordered' }));
  await broker.ensureConsumer({
    stream: names.events,
    durable: eventsConsumerName(0),
    filterSubject: 'events.0.>',
    maxAckPending: 1,
  });

  const found = await stored.enumerate();
  const plain = Object.fromEntries([...found].map(([uid, { namespace, slots }]) => [uid, [namespace, ...slots]]));
  expect(plain).toEqual({
    'in-state': ['team-a', 0],
    kept: ['team-b', 2],
    corrupt: [undefined, 1],
    'in-retries': [undefined, 1],
    'in-backlog': [undefined, 2],
    'in-dead': [undefined, 3],
    ordered: [undefined],
  });

  for (const [uid, webhook] of found) if (uid !== 'kept') await stored.remove(uid, webhook);
  expect([...(await stored.enumerate()).keys()]).toEqual(['kept']);
  expect(await stores.state.readClaim(1)).toMatchObject({ value: { member: 'm' } });
  expect(await stores.state.readFloor(1)).toMatchObject({ value: { sequence: 1 } });
  expect(await stores.backlog.nonEmpty(2)).toEqual(new Map([['kept', 1]]));
  expect(await broker.listConsumers(names.events)).toEqual([eventsConsumerName(0)]);
});
