import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Stand } from '../stand.ts';

const namespaces = ['team-a', 'team-b', 'team-c'];
const webhooks = namespaces.flatMap((namespace) => [
  { namespace, name: 'every', events: ['item.*'] },
  { namespace, name: 'created', events: ['item.created'] },
  { namespace, name: 'flaky', events: ['item.deleted'] },
]);

// Shorter and longer than an owner works without reading its claim.
const outagesMs = [1000, 8000];

test('NATS that is killed and started again costs no delivery', async ({ onTestFinished }) => {
  const stand = await Stand.start(onTestFinished, namespaces);
  const operator = await stand.startOperator();
  await stand.createWebhooks(webhooks);
  stand.receiver.answer(({ webhook, attempt, eventID }) => ({
    status: webhook.endsWith('/flaky') && attempt < 3 ? 500 : 200,
    delayMs: (Number(eventID.slice(6)) % 5) * 40,
  }));
  const producer = await stand.startProducer({ sources: namespaces, types: ['item.created', 'item.deleted'] });
  producer.run(150);
  for (const outageMs of outagesMs) {
    await stand.waitForDeliveries(800, 30_000);
    await stand.nats.kill();
    await delay(outageMs);
    await stand.nats.start();
  }
  await stand.waitForDeliveries(500, 30_000);
  await stand.nats.restart();
  await stand.waitForDeliveries(500, 30_000);
  await producer.pause();
  await stand.settle(90_000);
  const result = await stand.assertAudit('NATS killed twice and stopped once under load');
  expect(result.pairs).toBeGreaterThan(2000);
  expect(operator.isRunning()).toBe(true);
  for (const webhook of webhooks) await stand.waitForCondition(webhook, 'Active', 'True');
});
