import { setTimeout as delay } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import type { ReceivedRequest } from '../../receivers/receiver.ts';
import { Stand } from '../stand.ts';
import { until } from '../until.ts';

const types = ['item.created', 'item.changed'];
// Longer than it may take until a changed Secret is seen, and a successor has taken the slots over.
const firstRetryMs = 45_000;
const authorization = { name: 'Authorization', valueFrom: { secretKeyRef: { name: 'secrets', key: 'token' } } };
const edited = {
  namespace: 'team-a',
  name: 'edited',
  endpoint: 'old',
  events: types,
  delivery: { timeouts: { total: '10s' }, retry: { schedule: [`${firstRetryMs / 1000}s`, '1h'] } },
  spec: {
    headers: [{ name: 'X-Team', value: 'old' }, authorization],
    signing: { keys: [{ secretKeyRef: { name: 'secrets', key: 'signing' } }] },
  },
};
const shortened = {
  namespace: 'team-a',
  name: 'shortened',
  delivery: { retry: { schedule: [`${firstRetryMs / 1000}s`, '1h'] } },
};
const [oldKey, newKey] = ['old key', 'new key'].map((text) => `whsec_${Buffer.from(text).toString('base64')}`);

test('a retry uses what the Webhook and its Secrets say by then, also after a restart', async ({ onTestFinished }) => {
  const stand = await Stand.start(onTestFinished, ['team-a']);
  const operator = await stand.startOperator('operator-0');
  await applySecret(stand, { token: 'old', signing: oldKey ?? '' });
  await stand.createWebhooks([edited, shortened]);
  const requests = new Map<string, ReceivedRequest[]>();
  stand.receiver.answer(({ webhook, attempt }, request) => {
    requests.set(webhook, [...(requests.get(webhook) ?? []), request]);
    if (webhook === 'team-a/shortened') return { status: 500 };
    // The second attempt is answered after the new timeout, and before the old one.
    return { status: attempt <= 2 ? 503 : 200, delayMs: attempt === 2 ? 4000 : 0 };
  });
  const producer = await stand.startProducer({ sources: ['team-a'], types });
  await producer.burst(2);
  const of = (webhook: string): readonly ReceivedRequest[] => requests.get(webhook) ?? [];
  await until(
    'the first attempts',
    () => of('team-a/edited').length === 2 && of('team-a/shortened').length === 1,
    10_000,
  );
  await delay(1000);

  await stand.patch(edited, {
    url: stand.urlOf(edited, 'new'),
    headers: [{ name: 'X-Team', value: 'new' }, authorization],
    events: types.slice(0, 1),
    delivery: { timeouts: { total: '1s' }, retry: { schedule: ['1s', '2s'] } },
  });
  await applySecret(stand, { token: 'new', signing: newKey ?? '' });
  await stand.patch(shortened, { delivery: { retry: { schedule: [] } } });
  await delay(500);
  await stand.killOperator(operator);
  await stand.startOperator('operator-1');
  await stand.settle(90_000);

  // One of the two is no longer asked for. What waited when its schedule was shortened is the last attempt.
  const created = of('team-a/edited').filter(({ headers }) => headers['webhook-event-type'] === 'item.created');
  const changed = of('team-a/edited').filter(({ headers }) => headers['webhook-event-type'] === 'item.changed');
  expect(changed).toHaveLength(1);
  expect(of('team-a/shortened')).toHaveLength(2);
  const [first, second, third, ...more] = created;
  if (first === undefined || second === undefined || third === undefined)
    throw new Error('There were fewer than three attempts');
  expect(more).toEqual([]);
  expect([first, second, third].map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '2', '3']);

  // What is the same on each attempt, and what is made anew.
  expect(new Set(created.map(({ body }) => body.toString('utf8'))).size).toBe(1);
  expect(new Set(created.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(second.headers['webhook-timestamp']).not.toBe(first.headers['webhook-timestamp']);
  expect(isSignedWith(oldKey ?? '', first)).toBe(true);
  for (const retry of [second, third]) {
    expect(isSignedWith(newKey ?? '', retry)).toBe(true);
    expect(retry.path).toBe('/team-a/edited/new');
    expect(retry.headers).toMatchObject({ 'x-team': 'new', authorization: 'new' });
  }
  expect(first.headers).toMatchObject({ 'x-team': 'old', authorization: 'old' });

  // The time of the second attempt was set before the edit; the third came 1 s (timeout) and 2 s (schedule) later.
  expect(second.time - first.time).toBeGreaterThanOrEqual(firstRetryMs - 100);
  expect(third.time - second.time).toBeGreaterThanOrEqual(2900);
  expect(third.time - second.time).toBeLessThan(5000);

  const accounts = stand.books.webhooks.get('team-a/edited');
  if (accounts === undefined) throw new Error('team-a/edited has no books');
  const after = { events: types.slice(0, 1), formerEvents: types.slice(1) };
  stand.books.webhooks.set('team-a/edited', { ...accounts, ...after });
  const result = await stand.assertAudit('Webhook edited while retries wait');
  expect(result).toMatchObject({ pairs: 2, delivered: 1, deadLettered: 1 });
});

async function applySecret({ plane }: Stand, values: Readonly<Record<string, string>>): Promise<void> {
  const labels = { 'webhook-operator.dev/usable': 'true' };
  const metadata = { name: 'secrets', namespace: 'team-a', labels };
  await plane.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: values }));
}

function isSignedWith(key: string, { headers, body }: ReceivedRequest): boolean {
  try {
    new Webhook(key).verify(body.toString('utf8'), headers);
    return true;
  } catch {
    return false;
  }
}
