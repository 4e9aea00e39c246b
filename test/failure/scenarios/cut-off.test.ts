import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openApiAccess } from '../api-access.ts';
import { watchExposures } from '../exposure-recorder.ts';
import { mixedAnswers, mixedWebhooks } from '../mixed-load.ts';
import { memberOf, Stand } from '../stand.ts';
import { claims } from '../stream-contents.ts';
import { until } from '../until.ts';

const namespaces = ['team-a', 'team-b', 'team-c', 'team-d', 'team-e', 'team-f', 'team-g', 'team-h'];
const webhooks = mixedWebhooks(namespaces);
const steadyOf = (namespace: string) => ({ namespace, name: 'steady' });

test('a replica that alone is cut off from the API server gives way, and no edit made meanwhile is missed', async ({
  onTestFinished,
}) => {
  const stand = await Stand.start(onTestFinished, namespaces);
  const ways = await Promise.all([0, 1].map(() => openApiAccess(stand, onTestFinished)));
  const [first, second] = await Promise.all(
    ways.map(({ kubeconfig }, index) => stand.startOperator(`operator-${index}`, { kubeconfig })),
  );
  if (first === undefined || second === undefined) throw new Error('There are two');
  await stand.createWebhooks(webhooks);
  const owners = await stand.waitForOwners([first, second]);
  const recorder = await watchExposures(stand, onTestFinished);
  stand.receiver.answer(mixedAnswers);
  const producer = await stand.startProducer({ sources: namespaces });
  producer.run(40);
  await stand.waitForDeliveries(500, 30_000);

  // The one with more slots: by chance the other may have hardly any.
  const firstName = await memberOf(first);
  const cutsFirst = owners.filter(({ member }) => member === firstName).length * 2 >= owners.length;
  const survivor = await memberOf(cutsFirst ? second : first);
  const way = ways[cutsFirst ? 0 : 1];
  way?.proxy.cut('swallow');
  const taken = async (): Promise<boolean> => (await claims(stand.broker)).every(({ member }) => member === survivor);
  await until('the other replica has every slot', taken, 60_000);

  const [moved, created] = [steadyOf('team-a'), namespaces.map((namespace) => ({ namespace, name: 'created' }))];
  for (const namespace of namespaces) await stand.deleteWebhook({ namespace, name: 'flaky' });
  await stand.createWebhooks(created);
  await stand.patch(moved, { url: stand.urlOf(moved, 'moved') });
  await until(
    'the new URL gets events',
    () => stand.receiver.deliveries.some(({ endpoint }) => endpoint === 'moved'),
    30_000,
  );
  // Longer than what was under way when the Webhooks were deleted.
  await delay(8000);
  const editedAt = Date.now();
  way?.proxy.mend();
  await stand.waitForOwners([first, second]);
  await stand.waitForDeliveries(500, 30_000);
  await producer.pause();
  await stand.settle(90_000);
  await recorder.settled();

  await stand.assertAudit('One of two replicas cut off from the API server while webhooks are edited');
  expect(recorder.takeovers).toBeGreaterThan(0);
  const late = stand.receiver.deliveries.filter(({ time }) => time > editedAt);
  expect(late.filter(({ webhook }) => webhook.endsWith('/flaky'))).toEqual([]);
  expect(late.filter(({ webhook, endpoint }) => webhook === 'team-a/steady' && endpoint !== 'moved')).toEqual([]);
  expect([first.isRunning(), second.isRunning()]).toEqual([true, true]);
  for (const webhook of created) await stand.waitForCondition(webhook, 'Active', 'True');
});
