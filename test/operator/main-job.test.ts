import { setTimeout as delay } from 'node:timers/promises';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReceivedRequest } from '../receivers/receiver.ts';
import type { OperatorProcess } from './operator-process.ts';
import { condition, has, startWorld, type World } from './world.ts';

let world: World;
let operator: OperatorProcess;

beforeAll(async () => {
  world = await startWorld();
  operator = await world.startOperator({ args: ['--log-level', 'debug'] });
});

afterAll(async () => {
  await world.stop();
});

const isChallenge = ({ eventID }: ReceivedRequest): boolean => eventID.startsWith('challenge-');

/** Deliveries to a path, without challenges. */
function deliveries(path: string): ReceivedRequest[] {
  return world.receiver.requests.filter((request) => request.path === path && !isChallenge(request));
}

async function untilDeliveries(path: string, count: number, timeoutMs = 15_000): Promise<ReceivedRequest[]> {
  const deadline = performance.now() + timeoutMs;
  while (deliveries(path).length < count) {
    if (performance.now() > deadline) throw new Error(`${deliveries(path).length} of ${count} deliveries to ${path}`);
    await delay(20);
  }
  return deliveries(path);
}

/** Answers challenges, and everything else as `status` says at that moment. */
function answering(path: string): { status: number } {
  const answer = { status: 200 };
  world.receiver.answerPath(path, (request) =>
    isChallenge(request) ? { kind: 'challenge' } : { kind: 'respond', status: answer.status },
  );
  return answer;
}

const ids = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

async function publishAll(namespace: string, type: string, eventIDs: readonly string[]): Promise<void> {
  await Promise.all(eventIDs.map((id) => world.publish(namespace, type, id)));
}

test('a Webhook is verified, and gets its events signed, with the headers of its spec', async () => {
  const secret = `whsec_${Buffer.from('a key of thirty-two bytes, or so').toString('base64')}`;
  await world.plane.apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'signed' } },
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'crm', namespace: 'signed', labels: { 'webhook-operator.dev/usable': 'true' } },
          stringData: { token: 'Bearer t0ken\n', key: secret },
        },
      ],
    }),
  );
  await world.applyWebhook('signed', 'crm', {
    url: `${world.receiver.url}/signed`,
    events: ['item.created', 'item.status_changed.>'],
    headers: [
      { name: 'X-Team', value: 'a' },
      { name: 'Authorization', valueFrom: { secretKeyRef: { name: 'crm', key: 'token' } } },
    ],
    signing: { keys: [{ secretKeyRef: { name: 'crm', key: 'key' } }] },
  });
  const webhook = await world.untilWebhook('signed', 'crm', has('Active', 'True', 'Delivering'));
  expect(condition(webhook, 'Verified')).toMatchObject({ status: 'True', reason: 'ChallengeAnswered' });
  expect(condition(webhook, 'Ready')).toMatchObject({ status: 'True' });
  expect(webhook.status).toMatchObject({ className: 'quick', source: 'signed', consecutiveFailures: 0 });

  await publishAll('signed', 'item.created', ['signed-1']);
  await publishAll('signed', 'item.deleted', ['signed-2']);
  await publishAll('other', 'item.created', ['signed-3']);
  await publishAll('signed', 'item.status_changed.done', ['signed-4']);

  const received = await untilDeliveries('/signed', 2);
  expect(received.map(({ eventID }) => eventID).sort()).toEqual(['signed-1', 'signed-4']);
  const [first] = received.filter(({ eventID }) => eventID === 'signed-1');
  expect(first?.body.toString()).toBe('{"id":"signed-1"}');
  expect(first?.headers).toMatchObject({
    'webhook-id': 'signed-1',
    'webhook-attempt': '1',
    'webhook-event-type': 'item.created',
    'content-type': 'application/json',
    'x-team': 'a',
    authorization: 'Bearer t0ken',
  });
  expect(() => new StandardWebhook(secret).verify(first?.body.toString() ?? '', first?.headers ?? {})).not.toThrow();
});

test('a failing delivery is tried again by the schedule, then kept as a dead letter, and a success ends the streak', async () => {
  const answer = answering('/dead');
  await world.applyWebhook('dead', 'wh', { url: `${world.receiver.url}/dead`, events: ['>'] });
  const { metadata } = await world.untilWebhook('dead', 'wh', has('Active', 'True'));

  answer.status = 500;
  await world.publish('dead', 'item.created', 'dead-1');
  const attempts = await untilDeliveries('/dead', 3);
  expect(attempts.map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '2', '3']);
  expect(new Set(attempts.map(({ body }) => body.toString()))).toEqual(new Set(['{"id":"dead-1"}']));
  const failing = await world.untilWebhook('dead', 'wh', has('Failing', 'True', 'HTTPStatus'));
  expect(failing.status).toMatchObject({ lastFailure: { eventID: 'dead-1', statusCode: 500 } });
  expect(condition(failing, 'Active')).toMatchObject({ status: 'True' });
  expect(await world.stored(metadata.uid)).toMatchObject({ DEADLETTERS: 1 });

  answer.status = 204;
  await world.publish('dead', 'item.created', 'dead-2');
  const healthy = await world.untilWebhook('dead', 'wh', has('Failing', 'False', 'Healthy'));
  expect(healthy.status).toMatchObject({ consecutiveFailures: 0, lastSuccess: { eventID: 'dead-2', statusCode: 204 } });
  // Dead letters are no transition: their number comes with the next regular write.
  await world.untilWebhook('dead', 'wh', ({ status }) => status?.pending?.deadLettered === 1, 45_000);
});

test.each([
  ['by suspending it and back', 'toggle', 'Toggle'],
  ['by a new value of the annotation', 'annotation', 'Annotation'],
])(
  'a Webhook is disabled at its threshold, and loses nothing when a person re-enables it %s',
  async (_, name, by) => {
    const path = `/${name}`;
    const answer = answering(path);
    await world.applyWebhook(name, 'wh', { url: `${world.receiver.url}${path}`, events: ['>'] });
    await world.untilWebhook(name, 'wh', has('Active', 'True'));

    answer.status = 503;
    const failed = ids(`${name}-failed`, 4);
    await publishAll(name, 'item.created', failed);
    const disabled = await world.untilWebhook(name, 'wh', has('Disabled', 'True', 'FailureThresholdReached'));
    expect(condition(disabled, 'Active')).toMatchObject({ status: 'False', reason: 'Disabled' });
    expect(condition(disabled, 'Stalled')).toMatchObject({ status: 'True', reason: 'Disabled' });
    expect(disabled.status?.lastDisabled).toMatchObject({ reason: 'FailureThresholdReached' });
    const held = ids(`${name}-held`, 50);
    await publishAll(name, 'item.created', held);
    await delay(500);
    const asked = deliveries(path).length;

    answer.status = 200;
    if (by === 'Toggle') {
      await world.applyWebhook(name, 'wh', { url: `${world.receiver.url}${path}`, events: ['>'], suspend: true });
      const suspended = await world.untilWebhook(name, 'wh', has('Active', 'False', 'Suspended'));
      expect(condition(suspended, 'Disabled')).toMatchObject({ status: 'False', reason: 'Reactivated' });
      expect(deliveries(path).length).toBe(asked);
      await world.applyWebhook(name, 'wh', { url: `${world.receiver.url}${path}`, events: ['>'], suspend: false });
    } else {
      await world.plane.kubectl('annotate', 'webhook/wh', '-n', name, 'webhook-operator.dev/reactivate=now');
    }
    await world.untilWebhook(name, 'wh', has('Active', 'True'));
    await untilDeliveries(path, asked + held.length);
    const pending = await world.untilWebhook(
      name,
      'wh',
      ({ status }) => status?.pending?.backlog === 0 && status.pending.retrying === 0,
      45_000,
    );
    expect(pending.status).toMatchObject({ consecutiveFailures: 0, pending: { lost: 0 } });
    const delivered = new Set(
      deliveries(path)
        .slice(asked)
        .map(({ eventID }) => eventID),
    );
    // What failed before the disable may have run out of attempts; everything else arrives.
    expect([...held].filter((id) => !delivered.has(id))).toEqual([]);
    const dead = pending.status?.pending?.deadLettered ?? 0;
    expect(failed.filter((id) => !delivered.has(id)).length).toBe(dead);
    expect((await world.plane.kubectl('get', 'events', '-n', name, '-o', 'name')).stdout).not.toBe('');
  },
  120_000,
);

test('another URL must prove itself before it gets anything, and what came meanwhile is delivered then', async () => {
  answering('/url-old');
  await world.applyWebhook('url', 'wh', { url: `${world.receiver.url}/url-old`, events: ['>'] });
  const before = await world.untilWebhook('url', 'wh', has('Active', 'True'));

  world.receiver.answerPath('/url-new', { kind: 'respond', status: 200, body: '{"challenge":"no"}' });
  await world.applyWebhook('url', 'wh', { url: `${world.receiver.url}/url-new`, events: ['>'] });
  const unverified = await world.untilWebhook('url', 'wh', has('Verified', 'False', 'ChallengeMismatch'));
  expect(condition(unverified, 'Active')).toMatchObject({ status: 'False', reason: 'NotVerified' });
  await publishAll('url', 'item.created', ids('url', 5));
  await delay(500);
  expect(deliveries('/url-new')).toEqual([]);
  expect(deliveries('/url-old')).toEqual([]);

  // The next try comes by itself.
  answering('/url-new');
  const verified = await world.untilWebhook('url', 'wh', has('Active', 'True'));
  expect(verified.status?.verifiedURLHash).not.toBe(before.status?.verifiedURLHash);
  const received = await untilDeliveries('/url-new', 5);
  expect(received.map(({ eventID }) => eventID).sort()).toEqual(ids('url', 5));
});

test('a deleted Webhook leaves nothing behind', async () => {
  const answer = answering('/deleted');
  await world.applyWebhook('deleted', 'wh', { url: `${world.receiver.url}/deleted`, events: ['>'] });
  const { metadata } = await world.untilWebhook('deleted', 'wh', has('Active', 'True'));
  answer.status = 500;
  await publishAll('deleted', 'item.created', ids('deleted', 20));
  await world.untilWebhook('deleted', 'wh', has('Disabled', 'True'));
  expect(await world.stored(metadata.uid)).toMatchObject({ 'KV_webhook-operator-state': 1 });
  expect(await operator.metrics()).toContain('namespace="deleted"');

  await world.plane.kubectl('delete', 'webhook/wh', '-n', 'deleted');
  await expect.poll(() => world.stored(metadata.uid), { timeout: 10_000 }).toEqual({});
  await expect.poll(() => operator.metrics()).not.toContain('namespace="deleted"');
});

test('replicas share the slots, and one that stops hands over without losing or repeating anything', async () => {
  answering('/shared');
  await world.applyWebhook('shared', 'wh', { url: `${world.receiver.url}/shared`, events: ['>'] });
  await world.untilWebhook('shared', 'wh', has('Active', 'True'));
  const second = await world.startOperator({ name: 'second' });
  const slotsOf = async (process: OperatorProcess): Promise<number> =>
    Number(/^webhook_operator_slots_owned (\d+)$/m.exec(await process.metrics())?.[1] ?? 0);
  await expect.poll(() => slotsOf(second), { timeout: 30_000 }).toBeGreaterThan(0);
  await expect.poll(async () => (await slotsOf(operator)) + (await slotsOf(second)), { timeout: 30_000 }).toBe(16);

  const sent = ids('shared', 300);
  const publishing = (async () => {
    for (const id of sent) {
      await world.publish('shared', 'item.created', id);
      await delay(10);
    }
  })();
  await delay(500);
  expect(await operator.stop()).toEqual({ code: 0, signal: null });
  await publishing;
  await untilDeliveries('/shared', sent.length, 30_000);
  await delay(500);
  const counts = sent.map((id) => world.receiver.counts.get(id));
  expect(counts).toEqual(sent.map(() => 1));
  expect(await slotsOf(second)).toBe(16);
  expect(await second.stop()).toEqual({ code: 0, signal: null });
});
