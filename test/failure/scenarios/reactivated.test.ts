import { expect, test } from 'vitest';
import { Stand } from '../stand.ts';
import { until } from '../until.ts';

const between = 10_000;
const disabled = { namespace: 'team-a', name: 'disabled' };
const healthy = { namespace: 'team-a', name: 'healthy' };

test('a webhook that was disabled for 10 000 events gets every one of them once it is back', async ({
  onTestFinished,
}) => {
  const stand = await Stand.start(onTestFinished, ['team-a']);
  await stand.startOperator();
  await stand.createWebhooks([disabled, healthy]);
  const producer = await stand.startProducer({ sources: ['team-a'] });
  let gone = true;
  stand.receiver.answer(({ webhook }) => ({ status: gone && webhook.endsWith('/disabled') ? 410 : 200 }));
  await producer.burst(20);
  await stand.waitForCondition(disabled, 'Disabled', 'True');
  const requestsWhenDisabled = requestsOf('team-a/disabled', stand);

  await producer.burst(between);
  await until('the healthy webhook has all', () => requestsOf('team-a/healthy', stand) === between + 20, 60_000);
  await until(
    'all of them are in the backlog',
    async () => (await stand.broker.streamState('BACKLOG')).messages === between + 20,
    60_000,
  );
  expect(requestsOf('team-a/disabled', stand)).toBe(requestsWhenDisabled);
  expect((await stand.status(disabled)).conditions).toMatchObject({
    Disabled: { status: 'True', reason: 'ReceiverGone' },
    Active: { status: 'False', reason: 'Disabled' },
  });

  gone = false;
  await stand.toggle(disabled);
  await stand.settle(120_000);
  const result = await stand.assertAudit('Disabled and reactivated with 10 000 events in between');
  expect(result).toMatchObject({ pairs: 2 * (between + 20), delivered: 2 * (between + 20), repeats: 0 });
  expect((await stand.status(disabled)).conditions).toMatchObject({
    Disabled: { status: 'False', reason: 'Reactivated' },
    Active: { status: 'True', reason: 'Delivering' },
  });
  expect((await stand.status(healthy)).conditions).toMatchObject({ Active: { status: 'True' } });
});

function requestsOf(webhook: string, { receiver }: Stand): number {
  return receiver.deliveries.filter((delivery) => delivery.webhook === webhook).length;
}
