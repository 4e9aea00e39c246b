import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { claims } from '../stream-contents.ts';
import { mixedAnswers, mixedWebhooks } from '../mixed-load.ts';
import { memberOf, Stand } from '../stand.ts';
import { until } from '../until.ts';

const namespaces = ['team-a', 'team-b', 'team-c', 'team-d', 'team-e', 'team-f', 'team-g', 'team-h'];
const webhooks = mixedWebhooks(namespaces);

test('a replica that is killed costs no delivery, and the other takes its slots over without giving its own away', async ({
  onTestFinished,
}) => {
  const stand = await Stand.start(onTestFinished, namespaces);
  const [first, second] = await Promise.all([stand.startOperator('operator-0'), stand.startOperator('operator-1')]);
  await stand.createWebhooks(webhooks);
  const owners = await stand.waitForOwners([first, second]);
  const firstName = await memberOf(first);
  const ofFirst = owners.filter(({ member }) => member === firstName).length;
  // By chance one may own much more than the other.
  const [victim, survivor] = ofFirst * 2 >= owners.length ? [first, second] : [second, first];
  stand.receiver.answer(mixedAnswers);
  const producer = await stand.startProducer({ sources: namespaces });
  producer.run(60);
  await stand.waitForDeliveries(500, 30_000);

  const survivorName = await memberOf(survivor);
  const kept = new Set(owners.filter(({ member }) => member === survivorName).map(({ slot }) => slot));
  await stand.killOperator(victim);
  const taken = async (): Promise<boolean> =>
    (await claims(stand.broker)).every(({ member }) => member === survivorName);
  await until('the survivor has every slot', taken, 60_000);
  // A new owner waits 5 s before it works.
  await delay(8000);
  await stand.waitForDeliveries(500, 30_000);
  await producer.pause();
  await stand.settle(60_000);

  const result = await stand.assertAudit('One of two replicas killed under load');
  expect(result.pairs).toBe(producer.accepted.size * 4);
  expect(result.allowedRepeats).toBeGreaterThan(0);
  const generations = (await claims(stand.broker)).filter(({ slot }) => kept.has(slot));
  expect(generations).toEqual(owners.filter(({ slot }) => kept.has(slot)));
  for (const webhook of webhooks) await stand.waitForCondition(webhook, 'Active', 'True');
});
