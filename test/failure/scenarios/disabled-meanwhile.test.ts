import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Stand } from '../stand.ts';
import { until } from '../until.ts';

const gone = { namespace: 'team-a', name: 'gone' };
const healthy = { namespace: 'team-a', name: 'healthy' };

test('a webhook that was disabled while the API server was away stays disabled when the operator is killed', async ({
  onTestFinished,
}) => {
  const stand = await Stand.start(onTestFinished, ['team-a']);
  const operator = await stand.startOperator('operator-0');
  await stand.createWebhooks([gone, healthy]);
  const producer = await stand.startProducer({ sources: ['team-a'] });
  await stand.plane.apiServer.kill();
  stand.receiver.answer(({ webhook }) => ({ status: webhook === 'team-a/gone' ? 410 : 200 }));
  await producer.burst(50);
  await until('the receiver said that it is gone', () => requestsOf('team-a/gone', stand) > 0, 10_000);
  await delay(2000);

  await stand.killOperator(operator);
  // From now on the receiver would take everything: whatever comes to it is a mistake.
  stand.receiver.answer(() => ({}));
  const requestsWhenKilled = requestsOf('team-a/gone', stand);
  const successor = await stand.startOperator('operator-1', { waitUntilReady: false });
  await producer.burst(50);
  await delay(5000);
  expect(successor.isRunning()).toBe(true);
  await stand.plane.apiServer.start();
  await until('the healthy webhook has all', () => idsOf('team-a/healthy', stand).size === 100, 60_000);
  await stand.waitForCondition(gone, 'Disabled', 'True');
  expect((await stand.status(gone)).conditions).toMatchObject({
    Disabled: { reason: 'ReceiverGone' },
    Active: { status: 'False', reason: 'Disabled' },
  });
  expect(requestsOf('team-a/gone', stand)).toBe(requestsWhenKilled);

  await stand.toggle(gone);
  await stand.settle(60_000);
  const result = await stand.assertAudit('Disabled while the API server was away, then killed');
  expect(result).toMatchObject({ pairs: 200, delivered: 200 });
});

function requestsOf(webhook: string, { receiver }: Stand): number {
  return receiver.deliveries.filter((delivery) => delivery.webhook === webhook).length;
}

function idsOf(webhook: string, { receiver }: Stand): ReadonlySet<string> {
  return new Set(receiver.deliveries.filter((one) => one.webhook === webhook).map(({ eventID }) => eventID));
}
