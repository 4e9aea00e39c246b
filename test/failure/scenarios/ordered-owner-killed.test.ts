import { expect, test } from 'vitest';
import { watchExposures } from '../exposure-recorder.ts';
import { memberOf, Stand } from '../stand.ts';
import { claims } from '../stream-contents.ts';

const namespaces = ['team-a', 'team-b', 'team-c', 'team-d'];
const webhooks = namespaces.map((namespace) => ({ namespace, name: 'ordered', delivery: { ordered: true } }));

test('ordered webhooks stay strictly in order when their owner is killed, and repeat only their head', async ({
  onTestFinished,
}) => {
  const stand = await Stand.start(onTestFinished, namespaces);
  const replicas = await Promise.all([stand.startOperator('operator-0'), stand.startOperator('operator-1')]);
  await stand.createWebhooks(webhooks);
  await stand.waitForOwners(replicas);
  const recorder = await watchExposures(stand, onTestFinished);
  // One of forty is refused at first: it holds up those behind it.
  stand.receiver.answer(({ eventID, attempt }) => ({
    status: attempt === 1 && Number(eventID.slice('event-'.length)) % 40 < 1 ? 503 : 200,
    delayMs: 20,
  }));
  const producer = await stand.startProducer({ sources: namespaces });
  producer.run(30);
  await stand.waitForDeliveries(200, 60_000);

  const all = await claims(stand.broker);
  const [first, second] = replicas;
  const firstName = await memberOf(first);
  const ofFirst = all.filter(({ member }) => member === firstName).length;
  await (ofFirst * 2 >= all.length ? first : second).kill();
  await stand.startOperator('operator-2');
  // Those of the survivor go on at once, those of the others after the longest attempt that could still be under way.
  await stand.waitForDeliveries(700, 90_000);
  await producer.pause();
  await stand.settle(120_000);
  await recorder.settled();
  const result = await stand.assertAudit('Owner of ordered webhooks killed under load');
  expect(result.outOfOrder).toEqual([]);
  // One for each webhook whose owner died: it had one head.
  expect(result.repeats).toBeLessThanOrEqual(namespaces.length);
  expect(result.pairs).toBe(producer.accepted.size);
  expect(recorder.takeovers).toBeGreaterThan(0);
});
