import { expect, test } from 'vitest';
import { Stand } from '../stand.ts';
import { until } from '../until.ts';

const events = 300;

test('a URL that is edited while retries wait gets them all, and the old one nothing more', async ({
  onTestFinished,
}) => {
  const stand = await Stand.start(onTestFinished, ['team-a']);
  await stand.startOperator();
  const webhook = { namespace: 'team-a', name: 'moved', endpoint: 'old' };
  await stand.createWebhooks([webhook]);
  stand.receiver.answer(({ endpoint }) => ({ status: endpoint === 'old' ? 500 : 200 }));
  const producer = await stand.startProducer({ sources: ['team-a'] });
  await producer.burst(events);
  await stand.waitForCondition(webhook, 'Failing', 'True');
  await until('retries wait', async () => ((await stand.status(webhook)).pending?.['retrying'] ?? 0) > 0, 40_000);

  await stand.patch(webhook, { url: stand.urlOf(webhook, 'new') });
  await stand.waitForCondition(webhook, 'Verified', 'True');
  await stand.settle(120_000);

  const result = await stand.assertAudit('URL edited while retries wait');
  expect(result).toMatchObject({ pairs: events, delivered: events, repeats: 0 });
  const { deliveries, challenges } = stand.receiver;
  const moved = deliveries.filter(({ endpoint }) => endpoint === 'new');
  expect(moved).toHaveLength(events);
  expect(moved.filter(({ attempt }) => attempt > 1).length).toBeGreaterThan(0);
  const firstMoved = Math.min(...moved.map(({ time }) => time));
  const lastOld = Math.max(...deliveries.filter(({ endpoint }) => endpoint === 'old').map(({ time }) => time));
  expect(lastOld).toBeLessThanOrEqual(firstMoved);
  const proof = challenges.find(({ path }) => path.endsWith('/new'));
  expect(proof?.time).toBeLessThanOrEqual(firstMoved);
  await stand.waitForCondition(webhook, 'Active', 'True');
  await stand.waitForCondition(webhook, 'Failing', 'False');
});
