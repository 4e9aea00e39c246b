import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { watchExposures } from '../exposure-recorder.ts';
import { mixedAnswers, mixedWebhooks } from '../mixed-load.ts';
import { Stand } from '../stand.ts';
import { leaderOf } from '../stream-contents.ts';

const namespaces = ['team-a', 'team-b', 'team-c', 'team-d'];
const webhooks = mixedWebhooks(namespaces);

test('a NATS cluster whose leaders are killed one after the other costs no delivery', async ({ onTestFinished }) => {
  const stand = await Stand.start(onTestFinished, namespaces, { natsServers: 3 });
  const operator = await stand.startOperator();
  await stand.createWebhooks(webhooks);
  const recorder = await watchExposures(stand, onTestFinished);
  stand.receiver.answer(mixedAnswers);
  const producer = await stand.startProducer({ sources: namespaces });
  producer.run(40);
  for (const stream of ['EVENTS', 'RETRIES']) {
    await stand.waitForDeliveries(800, 60_000);
    const leader = await leaderOf(stand.broker, stream);
    const server = stand.natsServers.find(({ name }) => name === leader);
    const from = Date.now();
    await server?.kill();
    await delay(5000);
    await server?.start();
    // A publish that was under way may have been stored without its confirmation.
    recorder.record(`leader of ${stream} killed`, 'All', { from });
  }
  await stand.waitForDeliveries(800, 60_000);
  await producer.pause();
  await stand.settle(90_000);
  await recorder.settled();
  const result = await stand.assertAudit('Leaders of EVENTS and RETRIES killed under load');
  expect(result.pairs).toBeGreaterThan(2000);
  expect(operator.isRunning()).toBe(true);
  for (const webhook of webhooks) await stand.waitForCondition(webhook, 'Active', 'True');
});
