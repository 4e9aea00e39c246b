import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mixedAnswers, mixedWebhooks } from '../mixed-load.ts';
import { Stand } from '../stand.ts';

const namespaces = ['team-a', 'team-b', 'team-c', 'team-d'];
const webhooks = [
  ...mixedWebhooks(namespaces),
  ...namespaces.map((namespace) => ({ namespace, name: 'ordered', delivery: { ordered: true } })),
];

test('consumers that are deleted by hand are made anew where they were', async ({ onTestFinished }) => {
  const stand = await Stand.start(onTestFinished, namespaces);
  await stand.startOperator();
  await stand.createWebhooks(webhooks);
  stand.receiver.answer((delivery, request) =>
    delivery.webhook.endsWith('/ordered') ? { delayMs: 10 } : mixedAnswers(delivery, request),
  );
  const producer = await stand.startProducer({ sources: namespaces });
  producer.run(40);
  for (const stream of ['EVENTS', 'RETRIES', 'EVENTS']) {
    await stand.waitForDeliveries(600, 60_000);
    const durables = await stand.broker.listConsumers(stream);
    // Those of the slots, and in EVENTS those of the ordered webhooks.
    expect(durables.length).toBeGreaterThanOrEqual(stream === 'EVENTS' ? 8 + namespaces.length : 8);
    for (const durable of durables) await stand.broker.deleteConsumer(stream, durable);
    await delay(3000);
  }
  await stand.waitForDeliveries(600, 60_000);
  await producer.pause();
  await stand.settle(90_000);
  const result = await stand.assertAudit('Every consumer deleted by hand under load');
  expect(result.repeats).toBe(0);
  expect(result.pairs).toBe(producer.accepted.size * 5);
});
