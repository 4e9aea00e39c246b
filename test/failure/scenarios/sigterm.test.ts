import { expect, test } from 'vitest';
import { mixedAnswers, mixedWebhooks } from '../mixed-load.ts';
import { Stand } from '../stand.ts';

const namespaces = ['team-a', 'team-b', 'team-c', 'team-d', 'team-e', 'team-f', 'team-g', 'team-h'];
const webhooks = mixedWebhooks(namespaces);

test('an operator that is stopped under load repeats nothing', async ({ onTestFinished }) => {
  const stand = await Stand.start(onTestFinished, namespaces);
  let operator = await stand.startOperator('operator-0');
  await stand.createWebhooks(webhooks);
  stand.receiver.answer(mixedAnswers);
  const producer = await stand.startProducer({ sources: namespaces });
  producer.run(60);
  await stand.waitForDeliveries(500, 30_000);

  // Stopped before its successor starts, then rolled over with both running.
  expect(await operator.stop()).toEqual({ code: 0, signal: null });
  operator = await stand.startOperator('operator-1');
  await stand.waitForDeliveries(800, 60_000);
  const successor = await stand.startOperator('operator-2');
  await stand.waitForOwners([operator, successor]);
  expect(await operator.stop()).toEqual({ code: 0, signal: null });
  await stand.waitForDeliveries(800, 60_000);

  await producer.pause();
  await stand.settle(60_000);
  const result = await stand.assertAudit('SIGTERM twice under load');
  expect(result).toMatchObject({ pairs: producer.accepted.size * 4, repeats: 0 });
  for (const webhook of webhooks) await stand.waitForCondition(webhook, 'Active', 'True');
});
