import { expect, test, vi } from 'vitest';
import type { ConsumedMessage, Subscription } from '../../src/jetstream/broker.ts';
import type { NatsBroker } from '../../src/jetstream/nats-broker.ts';
import { defaultStreamNames as names } from '../../src/jetstream/subjects.ts';
import { bytes, startBroker, text } from './fixture.ts';

const spec = { stream: names.events, durable: 'c', filterSubject: 'events.>', maxAckPending: 1000 };

async function publishEvents(broker: NatsBroker, from: number, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => from + index);
  await Promise.all(numbers.map((number) => broker.publish('events.team-a.item.created', bytes(String(number)))));
}

/** Consumes and keeps what came. */
async function collect(
  broker: NatsBroker,
  handle: (message: ConsumedMessage) => void = (message) => message.ack(),
  maxMessages = 100,
): Promise<{ subscription: Subscription; received: ConsumedMessage[] }> {
  const received: ConsumedMessage[] = [];
  const subscription = await broker.consume(names.events, 'c', { maxMessages }, (message) => {
    received.push(message);
    handle(message);
  });
  return { subscription, received };
}

test('messages come in order and once, and an acknowledged stream has no lag', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.ensureConsumer(spec);
  await publishEvents(broker, 0, 500);
  const { subscription, received } = await collect(broker);
  await publishEvents(broker, 500, 4500);
  await vi.waitFor(() => expect(received.length).toBeGreaterThanOrEqual(5000), 20_000);
  expect(received.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 5000 }, (_, index) => index + 1));
  expect(received[0]).toMatchObject({ deliveryCount: 1 });
  expect(Math.abs(received[0]!.timestamp - Date.now())).toBeLessThan(30_000);
  await vi.waitFor(async () =>
    expect(await broker.consumerState(names.events, 'c')).toMatchObject({ ackFloor: 5000, ackPending: 0, pending: 0 }),
  );
  await subscription.stop();
  expect(await subscription.closed).toEqual({ reason: 'Stopped' });
});

test('a message given back comes again at once, or after its delay', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.ensureConsumer(spec);
  await publishEvents(broker, 0, 1);
  const times: number[] = [];
  const { subscription, received } = await collect(broker, (message) => {
    times.push(performance.now());
    if (message.deliveryCount === 1) message.nak();
    else if (message.deliveryCount === 2) message.nak(1000);
    else message.ack();
    message.nak(); // settled already: no effect
  });
  await vi.waitFor(() => expect(received).toHaveLength(3), 10_000);
  expect(times[1]! - times[0]!).toBeLessThan(900);
  expect(times[2]! - times[1]!).toBeGreaterThan(900);
  expect(received.map(({ deliveryCount }) => deliveryCount)).toEqual([1, 2, 3]);
  await subscription.stop();
});

test('a handler that throws does not end the flow', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.ensureConsumer(spec);
  const { subscription, received } = await collect(broker, (message) => {
    message.ack();
    throw new Error('boom');
  });
  await publishEvents(broker, 0, 300);
  await vi.waitFor(() => expect(received).toHaveLength(300), 10_000);
  await subscription.stop();
});

test('one message at a time keeps the order of a redelivered one', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.ensureConsumer({ ...spec, maxAckPending: 1 });
  await publishEvents(broker, 0, 3);
  const handle = (message: ConsumedMessage) => (message.deliveryCount === 1 ? message.nak() : message.ack());
  const { subscription, received } = await collect(broker, handle, 1);
  await vi.waitFor(() => expect(received).toHaveLength(6), 10_000);
  expect(received.map(({ sequence }) => sequence)).toEqual([1, 1, 2, 2, 3, 3]);
  await subscription.stop();
});

test('a paused subscription gets at most what it had asked for, and goes on where it was', async ({
  onTestFinished,
}) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.ensureConsumer(spec);
  const { subscription, received } = await collect(broker, undefined, 50);
  subscription.pause();
  await publishEvents(broker, 0, 500);
  await vi.waitFor(() => expect(received).toHaveLength(50), 5000);
  await publishEvents(broker, 500, 10);
  expect(received).toHaveLength(50);
  expect((await broker.consumerState(names.events, 'c')).pending).toBe(460);
  subscription.resume();
  subscription.resume();
  await vi.waitFor(() => expect(received).toHaveLength(510), 5000);
  expect(received.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 510 }, (_, index) => index + 1));
  await subscription.stop();
});

test('stopping hands out what is on its way: nothing is left pending unseen', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.ensureConsumer(spec);
  await publishEvents(broker, 0, 2000);
  let stopped: Promise<void> | undefined;
  const { subscription, received } = await collect(
    broker,
    () => {
      if (received.length === 100) stopped = subscription.stop();
    },
    500,
  );
  await vi.waitFor(() => expect(stopped).toBeDefined());
  await stopped;
  const handedOut = received.length;
  expect(handedOut).toBeGreaterThanOrEqual(100);
  expect((await broker.consumerState(names.events, 'c')).ackPending).toBe(handedOut);
  await subscription.stop();
  expect(received).toHaveLength(handedOut);
});

test('consuming goes on after the server was killed and started again', async ({ onTestFinished }) => {
  const { broker, server } = await startBroker(onTestFinished);
  await broker.ensureConsumer({ ...spec, ackWaitMs: 2000 });
  await publishEvents(broker, 0, 1000);
  const seen = new Set<string>();
  const { subscription } = await collect(broker, (message) => {
    seen.add(text(message.data));
    message.ack();
  });
  await vi.waitFor(() => expect(seen.size).toBeGreaterThan(0));
  await server.kill();
  await server.start();
  await vi.waitFor(() => publishEvents(broker, 1000, 100), 15_000);
  await vi.waitFor(() => expect(seen.size).toBe(1100), 20_000);
  await subscription.stop();
});

test('consuming goes on after the server hung', async ({ onTestFinished }) => {
  const { broker, server } = await startBroker(onTestFinished);
  await broker.ensureConsumer(spec);
  const { subscription, received } = await collect(broker);
  server.pause();
  await new Promise((resolve) => setTimeout(resolve, 7000));
  server.resume();
  await vi.waitFor(() => publishEvents(broker, 0, 100), 15_000);
  await vi.waitFor(() => expect(received).toHaveLength(100), 10_000);
  await subscription.stop();
});

test('an idle subscription outlives its requests', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.ensureConsumer(spec);
  const { subscription, received } = await collect(broker);
  await new Promise((resolve) => setTimeout(resolve, 11_000));
  const publishedAt = performance.now();
  await publishEvents(broker, 0, 1);
  await vi.waitFor(() => expect(received).toHaveLength(1), 3000);
  expect(performance.now() - publishedAt).toBeLessThan(500);
  await subscription.stop();
});

test('a subscription ends when its consumer is deleted', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.ensureConsumer(spec);
  const { subscription } = await collect(broker);
  await broker.deleteConsumer(names.events, 'c');
  expect(await subscription.closed).toEqual({ reason: 'ConsumerGone' });
});

test('a subscription ends when its stream is deleted', async ({ onTestFinished }) => {
  const { broker } = await startBroker(onTestFinished);
  await broker.ensureConsumer(spec);
  const { subscription } = await collect(broker);
  await broker.api.request(`STREAM.DELETE.${names.events}`, undefined, 'test');
  expect(await subscription.closed).toEqual({ reason: 'ConsumerGone' });
  await subscription.stop();
});

test('a subscription ends when the connection is closed for good', async ({ onTestFinished }) => {
  const { broker, link } = await startBroker(onTestFinished);
  await broker.ensureConsumer(spec);
  const { subscription } = await collect(broker);
  await link.close();
  expect(await subscription.closed).toMatchObject({ reason: 'Failed' });
});
