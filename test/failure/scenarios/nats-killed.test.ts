import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mixedAnswers, mixedWebhooks } from '../mixed-load.ts';
import { Stand } from '../stand.ts';

const namespaces = ['team-a', 'team-b', 'team-c', 'team-d'];
const webhooks = mixedWebhooks(namespaces);
// Shorter and longer than an owner works without reading its claim.
const outagesMs = [1000, 8000];

test('NATS that is killed and started again costs no delivery, and repeats none', async ({ onTestFinished }) => {
  const stand = await Stand.start(onTestFinished, namespaces);
  const operator = await stand.startOperator();
  await stand.createWebhooks(webhooks);
  stand.receiver.answer(mixedAnswers);
  const producer = await stand.startProducer({ sources: namespaces });
  producer.run(60);
  for (const outageMs of outagesMs) {
    await stand.waitForDeliveries(1000, 30_000);
    await stand.nats.kill();
    await delay(outageMs);
    await stand.nats.start();
  }
  await stand.waitForDeliveries(1000, 30_000);
  await stand.nats.restart();
  await stand.waitForDeliveries(1000, 30_000);
  await producer.pause();
  await stand.settle(90_000);
  const result = await stand.assertAudit('NATS killed twice and stopped once under load');
  expect(result.repeats).toBe(0);
  expect(result.pairs).toBeGreaterThan(3000);
  expect(operator.isRunning()).toBe(true);
  for (const webhook of webhooks) await stand.waitForCondition(webhook, 'Active', 'True');
});
