import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { mixedAnswers, mixedWebhooks } from '../mixed-load.ts';
import { Stand } from '../stand.ts';

const namespaces = ['team-a', 'team-b', 'team-c', 'team-d'];
const webhooks = mixedWebhooks(namespaces);
const preload = fileURLToPath(new URL('../shifted-clock.mjs', import.meta.url));
const shifted = (minutes: number) => ({
  env: { NODE_OPTIONS: `--import=${preload}`, CLOCK_SHIFT_MS: String(minutes * 60_000) },
});

test('replicas whose clocks are 5 minutes fast and slow retry in time, and hand over without a repeat', async ({
  onTestFinished,
}) => {
  const stand = await Stand.start(onTestFinished, namespaces);
  const fast = await stand.startOperator('operator-fast', shifted(5));
  const slow = await stand.startOperator('operator-slow', shifted(-5));
  const [line] = fast.logs();
  expect(Date.parse(String(line?.['time'])) - Date.now()).toBeGreaterThan(200_000);
  await stand.createWebhooks(webhooks);
  await stand.waitForOwners([fast, slow]);
  stand.receiver.answer(mixedAnswers);
  const producer = await stand.startProducer({ sources: namespaces });
  producer.run(40);
  await stand.waitForDeliveries(1000, 30_000);
  expect(await fast.stop()).toEqual({ code: 0, signal: null });
  await stand.waitForDeliveries(1000, 60_000);
  await producer.pause();
  await stand.settle(60_000);
  const result = await stand.assertAudit('Clocks 5 minutes fast and slow');
  expect(result.repeats).toBe(0);

  const { deliveries } = stand.receiver;
  const retries = deliveries.filter(({ webhook, attempt }) => webhook.endsWith('/flaky') && attempt === 2);
  expect(retries.length).toBeGreaterThan(10);
  const firsts = new Map(
    deliveries
      .filter(({ attempt }) => attempt === 1)
      .map(({ webhook, eventID, time }) => [`${webhook} ${eventID}`, time]),
  );
  const waits = retries
    .map(({ webhook, eventID, time }) => time - (firsts.get(`${webhook} ${eventID}`) ?? 0))
    .toSorted((a, b) => a - b);
  // The schedule says 1 s. Some are late because their slot changed its owner.
  expect(waits[0]).toBeGreaterThanOrEqual(900);
  expect(waits[Math.floor(waits.length / 2)]).toBeLessThan(3000);
});
