import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { claims } from '../stream-contents.ts';
import { Stand } from '../stand.ts';
import { until } from '../until.ts';

const namespaces = ['team-a', 'team-b', 'team-c', 'team-d', 'team-e', 'team-f', 'team-g', 'team-h'];
const webhooks = namespaces.map((namespace) => ({ namespace, name: 'steady' }));
const gone = { namespace: 'team-a', name: 'gone' };
const outageMs = 60_000;

test('owners deliver on while the API server is away, nobody takes a slot, and status catches up', async ({
  onTestFinished,
}) => {
  const stand = await Stand.start(onTestFinished, namespaces);
  const replicas = await Promise.all([stand.startOperator('operator-0'), stand.startOperator('operator-1')]);
  await stand.createWebhooks([...webhooks, gone]);
  const owners = await stand.waitForOwners(replicas);
  const producer = await stand.startProducer({ sources: namespaces });
  producer.run(80);
  await stand.waitForDeliveries(300, 30_000);

  const stoppedAt = Date.now();
  await stand.plane.apiServer.stop();
  let isGone = true;
  stand.receiver.answer(({ webhook }) => ({ status: isGone && webhook === 'team-a/gone' ? 410 : 200, delayMs: 20 }));
  await delay(outageMs);
  expect(await claims(stand.broker)).toEqual(owners);
  const { deliveries } = stand.receiver;
  for (const { namespace, name } of webhooks) {
    const webhook = `${namespace}/${name}`;
    const times = deliveries.filter((one) => one.webhook === webhook && one.time >= stoppedAt).map(({ time }) => time);
    expect(longestGap([stoppedAt, ...times, Date.now()]), `longest silence of ${webhook}`).toBeLessThan(3000);
  }
  await stand.plane.apiServer.start();
  await stand.waitForCondition(gone, 'Disabled', 'True', 60_000);
  expect((await stand.status(gone)).conditions).toMatchObject({
    Disabled: { reason: 'ReceiverGone' },
    Active: { status: 'False', reason: 'Disabled' },
  });
  // Longer than it takes to find a member dead.
  await delay(20_000);
  expect(await claims(stand.broker)).toEqual(owners);

  isGone = false;
  await stand.toggle(gone);
  await producer.pause();
  await stand.settle(60_000);
  const result = await stand.assertAudit('API server stopped for a minute under load');
  expect(result.repeats).toBe(0);
  for (const webhook of webhooks) {
    await stand.waitForCondition(webhook, 'Active', 'True');
    const caughtUp = async (): Promise<boolean> =>
      Date.parse((await stand.status(webhook)).lastSuccess?.time ?? '') > stoppedAt + outageMs;
    await until(`the status of ${webhook.namespace} has caught up`, caughtUp, 60_000);
  }
});

function longestGap(times: readonly number[]): number {
  return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? 0)));
}
