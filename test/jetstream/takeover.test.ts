import { expect, test, vi } from 'vitest';
import type { ConsumedMessage } from '../../src/jetstream/broker.ts';
import type { NatsBroker } from '../../src/jetstream/nats-broker.ts';
import {
  eventsConsumerName,
  generationGroup,
  orderedConsumerName,
  orderedConsumerSpec,
  slotConsumerSpecs,
  startSequenceOf,
  takeOver,
} from '../../src/jetstream/slot-consumers.ts';
import { defaultStreamNames as names } from '../../src/jetstream/subjects.ts';
import { partitionOf } from '../../src/delivery/partition.ts';
import { brokerOn, bytes, connect, startBroker } from './fixture.ts';

const partition = partitionOf('team-a', 4);
const eventsSpec = (generation: number, startSequence = 1) =>
  slotConsumerSpecs({ names, slot: partition, partition, generation, startSequence }).events;

async function own(broker: NatsBroker, generation: number) {
  const spec = eventsSpec(generation);
  await takeOver(broker, spec);
  const received: ConsumedMessage[] = [];
  const options = { maxMessages: 100, pinnedGroup: generationGroup(generation) };
  const subscription = await broker.consume(spec.stream, spec.durable, options, (message) => {
    received.push(message);
    message.ack();
  });
  return { subscription, received };
}

async function publish(broker: NatsBroker, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await broker.publish('events.team-a.item.created', bytes('{}'));
}

test('a new generation gets everything and the old client ends, while it is busy', async ({ onTestFinished }) => {
  const { broker, server } = await startBroker(onTestFinished);
  const secondLink = await connect(server);
  onTestFinished(() => secondLink.close());
  const second = brokerOn(secondLink);
  const first = await own(broker, 1);
  await publish(broker, 10);
  await vi.waitFor(() => expect(first.received).toHaveLength(10), 5000);

  const next = await own(second, 2);
  await publish(broker, 200);
  expect(await first.subscription.closed).toEqual({ reason: 'GroupChanged' });
  await vi.waitFor(() => expect(first.received.length + next.received.length).toBe(210), 10_000);
  expect(first.received.length).toBeLessThanOrEqual(12);
  await next.subscription.stop();
});

test('an idle old client learns that the generation changed', async ({ onTestFinished }) => {
  const { broker, server } = await startBroker(onTestFinished);
  const secondLink = await connect(server);
  onTestFinished(() => secondLink.close());
  const first = await own(broker, 1);
  const changedAt = performance.now();
  const next = await own(brokerOn(secondLink), 2);
  expect(await first.subscription.closed).toEqual({ reason: 'GroupChanged' });
  expect(performance.now() - changedAt).toBeLessThan(6000);
  await publish(broker, 5);
  await vi.waitFor(() => expect(next.received).toHaveLength(5), 5000);
  await next.subscription.stop();
});

test('an idle old client takes no more than one message from its successor', async ({ onTestFinished }) => {
  const { broker, server } = await startBroker(onTestFinished);
  const secondLink = await connect(server);
  onTestFinished(() => secondLink.close());
  const first = await own(broker, 1);
  const next = await own(brokerOn(secondLink), 2);
  await publish(broker, 200);
  await vi.waitFor(() => expect(first.received.length + next.received.length).toBe(200), 10_000);
  expect(first.received.length).toBeLessThanOrEqual(1);
  expect(await first.subscription.closed).toEqual({ reason: 'GroupChanged' });
  await next.subscription.stop();
});

test('a stale request of our own generation that holds the pin loses it again', async ({ onTestFinished }) => {
  const { broker, server } = await startBroker(onTestFinished);
  const strangerLink = await connect(server);
  onTestFinished(() => strangerLink.close());
  const spec = eventsSpec(1);
  await takeOver(broker, spec);
  const request = { batch: 1, expires: 60e9, group: generationGroup(1) };
  let stolen = 0;
  strangerLink.connection.subscribe('stale', { callback: () => void (stolen += 1) });
  const subject = `$JS.API.CONSUMER.MSG.NEXT.${spec.stream}.${spec.durable}`;
  strangerLink.connection.publish(subject, JSON.stringify(request), { reply: 'stale' });
  await strangerLink.connection.flush();
  await publish(broker, 5);
  await vi.waitFor(() => expect(stolen).toBe(1), 5000);

  const received: ConsumedMessage[] = [];
  const options = { maxMessages: 100, pinnedGroup: generationGroup(1) };
  const subscription = await broker.consume(spec.stream, spec.durable, options, (message) => {
    received.push(message);
  });
  await vi.waitFor(() => expect(received.length).toBeGreaterThanOrEqual(4), 25_000);
  await subscription.stop();
});

test('a pin that was lost during a pause is taken again', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  const { subscription, received } = await own(broker, 1);
  await publish(broker, 1);
  await vi.waitFor(() => expect(received).toHaveLength(1), 5000);
  subscription.pause();
  await broker.unpin(names.events, eventsConsumerName(partition), generationGroup(1));
  subscription.resume();
  await publish(broker, 3);
  await vi.waitFor(() => expect(received).toHaveLength(4), 5000);
  await subscription.stop();
});

test('a consumer that vanished is made anew behind the floor, not from new', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await publish(broker, 5);
  const { created } = await broker.streamState(names.events);
  const spec = eventsSpec(3, startSequenceOf({ created, sequence: 2 }, created));
  expect((await takeOver(broker, spec)).pending).toBe(3);
  await broker.deleteConsumer(names.events, eventsConsumerName(partition));
  const again = eventsSpec(3, startSequenceOf({ created: 'another', sequence: 2 }, created));
  expect((await takeOver(broker, again)).pending).toBe(5);
});

test('an ordered webhook has a consumer on its source alone', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await publish(broker, 2);
  await broker.publish('events.team-b.item.created', bytes('{}'));
  const spec = orderedConsumerSpec({ names, uid: 'u-1', partition, source: 'team-a', generation: 1, startSequence: 1 });
  expect(spec.durable).toBe(orderedConsumerName('u-1'));
  expect((await takeOver(broker, spec)).pending).toBe(2);
});
