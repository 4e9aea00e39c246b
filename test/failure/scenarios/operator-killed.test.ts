import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mixedAnswers, mixedWebhooks } from '../mixed-load.ts';
import { Stand } from '../stand.ts';

const namespaces = ['team-a', 'team-b', 'team-c', 'team-d'];
const webhooks = mixedWebhooks(namespaces);

test('an operator that is killed in the middle of deliveries loses none', async ({ onTestFinished }) => {
  const stand = await Stand.start(onTestFinished, namespaces);
  let operator = await stand.startOperator();
  await stand.createWebhooks(webhooks);
  stand.receiver.answer(mixedAnswers);
  const producer = await stand.startProducer({ sources: namespaces });
  producer.run(30);
  for (let kills = 0; kills < 2; kills += 1) {
    // The successor works only once the dead member's Lease has run out.
    await stand.waitForDeliveries(600, 60_000);
    await delay(2000);
    await stand.killOperator(operator);
    operator = await stand.startOperator();
  }
  await stand.waitForDeliveries(600, 60_000);
  await producer.pause();
  await stand.settle(90_000);
  const result = await stand.assertAudit('Operator killed twice under load');
  // Else no kill hit a delivery.
  expect(result.allowedRepeats).toBeGreaterThan(0);
  expect(producer.unknown.size).toBe(0);
  expect(result.pairs).toBe(producer.accepted.size * 4);
  for (const webhook of webhooks) await stand.waitForCondition(webhook, 'Active', 'True');
});
