import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Stand, type WebhookSpec } from '../stand.ts';
import { until } from '../until.ts';

const suspended = { namespace: 'team-a', name: 'suspended' };
const healthy = { namespace: 'team-a', name: 'healthy' };
// More than fit.
const events = 5000;

test('a BACKLOG at its byte limit stops the intake instead of losing or repeating anything', async ({
  onTestFinished,
}) => {
  const stand = await Stand.start(onTestFinished, ['team-a']);
  await stand.startOperator('operator', { args: ['--backlog-max-bytes', '1Mi'] });
  await stand.createWebhooks([suspended, healthy]);
  await suspendAndWait(stand, suspended);
  const producer = await stand.startProducer({ sources: ['team-a'] });
  await producer.burst(events);
  const bytes = async (): Promise<number> => (await stand.broker.streamState('BACKLOG')).bytes;
  await until('the backlog is full', async () => (await bytes()) > 900 * 1024, 30_000);
  await delay(5000);
  const { messages } = await stand.broker.streamState('BACKLOG');
  expect(messages).toBeGreaterThan(100);
  expect(messages).toBeLessThan(events);
  expect(stand.receiver.deliveries.every(({ webhook }) => webhook === 'team-a/healthy')).toBe(true);

  await stand.patch(suspended, { suspend: false });
  await stand.waitForCondition(suspended, 'Active', 'True');
  await stand.settle(90_000);
  const result = await stand.assertAudit('BACKLOG at its byte limit');
  expect(result).toMatchObject({ pairs: 2 * events, delivered: 2 * events, repeats: 0 });
});

async function suspendAndWait(stand: Stand, webhook: WebhookSpec): Promise<void> {
  await stand.patch(webhook, { suspend: true });
  await stand.waitForCondition(webhook, 'Active', 'False');
}
