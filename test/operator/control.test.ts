import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReceivedRequest } from '../receivers/receiver.ts';
import type { OperatorProcess } from './operator-process.ts';
import { condition, has, quickClass, startWorld, type World } from './world.ts';

let world: World;
let operator: OperatorProcess;

beforeAll(async () => {
  world = await startWorld();
  operator = await world.startOperator();
});

afterAll(async () => {
  await world.stop();
});

function deliveries(path: string): ReceivedRequest[] {
  return world.receiver.requests.filter(
    (request) => request.path === path && !request.eventID.startsWith('challenge-'),
  );
}

const url = (path: string): string => `${world.receiver.url}${path}`;
const isBlank = (text: string): boolean => text.trim() === '';

async function applyClass(name: string, spec: object = {}, metadata: object = {}): Promise<void> {
  await world.plane.apply(
    JSON.stringify({ ...quickClass, metadata: { name, ...metadata }, spec: { ...quickClass.spec, ...spec } }),
  );
}

async function applySecret(namespace: string, value: string, labels: object): Promise<void> {
  await world.plane.apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace, labels }, stringData: { token: value } },
      ],
    }),
  );
}

test('a class shows that it can be used', async () => {
  const { code, stderr } = await world.plane.kubectl(
    'wait',
    '--for=condition=Ready',
    'webhookclass/quick',
    '--timeout=15s',
  );
  expect([code, stderr]).toEqual([0, '']);
});

test('a Webhook whose class does not exist says so, is not verified, and works once the class is there', async () => {
  await world.applyWebhook('late', 'wh', { url: url('/late'), events: ['>'], className: 'late' });
  const waiting = await world.untilWebhook('late', 'wh', has('Active', 'False', 'ClassNotFound'));
  expect(condition(waiting, 'Reconciling')).toMatchObject({ status: 'True' });
  await applyClass('late');
  await world.untilWebhook('late', 'wh', has('Active', 'True'));
});

test('while a class is gone nothing new is delivered, and what came is delivered when it is back', async () => {
  await applyClass('gone');
  await world.applyWebhook('gone', 'wh', { url: url('/gone'), events: ['>'], className: 'gone' });
  await world.untilWebhook('gone', 'wh', has('Active', 'True'));
  await world.plane.kubectl('delete', 'webhookclass/gone');
  await world.untilWebhook('gone', 'wh', has('Active', 'False', 'ClassNotFound'));
  await world.publish('gone', 'item.created', 'gone-1');
  await delay(500);
  expect(deliveries('/gone')).toEqual([]);
  await applyClass('gone');
  await expect.poll(() => deliveries('/gone').length, { timeout: 15_000 }).toBe(1);
});

test('a moved default class does not move a Webhook that has one', async () => {
  const marked = { annotations: { 'webhook-operator.dev/is-default-class': 'true' } };
  await applyClass('default-one', {}, marked);
  await world.applyWebhook('default', 'wh', { url: url('/default'), events: ['>'], className: undefined });
  const first = await world.untilWebhook('default', 'wh', has('Active', 'True'));
  expect(first.status?.className).toBe('default-one');
  await delay(1100);
  await applyClass('default-two', {}, marked);
  await world.applyWebhook('default', 'second', { url: url('/default'), events: ['>'], className: undefined });
  const second = await world.untilWebhook('default', 'second', has('Active', 'True'));
  expect(second.status?.className).toBe('default-two');
  expect((await world.webhook('default', 'wh')).status?.className).toBe('default-one');
});

test('a class may be for the namespaces with a label only, and a label that comes later counts', async () => {
  await applyClass('labelled', {
    admission: { requireHTTPS: false, namespaceSelector: { matchLabels: { tier: 'gold' } } },
  });
  await world.applyWebhook('labelled', 'wh', { url: url('/labelled'), events: ['>'], className: 'labelled' });
  await world.untilWebhook('labelled', 'wh', has('Active', 'False', 'InvalidSpec'));
  await world.plane.kubectl('label', 'namespace', 'labelled', 'tier=gold');
  await world.untilWebhook('labelled', 'wh', has('Active', 'True'));
});

test('a Secret must be there and usable, and another value is used within 30 seconds', async () => {
  const header = { name: 'X-Token', valueFrom: { secretKeyRef: { name: 's', key: 'token' } } };
  await world.applyWebhook('secret', 'wh', { url: url('/secret'), events: ['>'], headers: [header] });
  await world.untilWebhook('secret', 'wh', has('Active', 'False', 'SecretNotFound'));
  // An edit has it looked at again at once, but for the few seconds that an answer of the API server is used.
  const edit = async (): Promise<void> => {
    await delay(5_500);
    await world.plane.kubectl('annotate', 'webhook/wh', '-n', 'secret', '--overwrite', `touched=${Date.now()}`);
  };
  await applySecret('secret', 'first', {});
  await edit();
  await world.untilWebhook('secret', 'wh', has('Active', 'False', 'SecretNotAllowed'));
  await applySecret('secret', 'first', { 'webhook-operator.dev/usable': 'true' });
  await edit();
  await world.untilWebhook('secret', 'wh', has('Active', 'True'));
  await applySecret('secret', 'second', { 'webhook-operator.dev/usable': 'true' });
  const changedAt = Date.now();
  await expect
    .poll(
      async () => {
        await world.publish('secret', 'item.created', `secret-${Date.now()}`);
        return deliveries('/secret').some(({ headers }) => headers['x-token'] === 'second');
      },
      { timeout: 35_000, interval: 500 },
    )
    .toBe(true);
  expect(Date.now() - changedAt).toBeLessThan(32_000);
});

test('transitions are Kubernetes Events of the Webhook, and events for those that listen to the operator', async () => {
  world.receiver.answerPath('/told', ({ eventID }) =>
    eventID.startsWith('challenge-') ? { kind: 'challenge' } : { kind: 'respond', status: 410 },
  );
  await world.applyWebhook('told', 'listener', { url: url('/listener'), events: ['webhook-operator.>'] });
  await world.applyWebhook('told', 'everything', { url: url('/everything'), events: ['>'] });
  await world.untilWebhook('told', 'listener', has('Active', 'True'));
  await world.untilWebhook('told', 'everything', has('Active', 'True'));
  await world.applyWebhook('told', 'wh', { url: url('/told'), events: ['item.>'] });
  await world.untilWebhook('told', 'wh', has('Active', 'True'));
  await world.publish('told', 'item.created', 'told-1');
  const disabled = await world.untilWebhook('told', 'wh', has('Disabled', 'True', 'ReceiverGone'));

  await expect
    .poll(() => deliveries('/listener').map(({ headers }) => headers['webhook-event-type']), { timeout: 15_000 })
    .toContain('webhook-operator.disabled');
  const [event] = deliveries('/listener').filter(
    ({ headers }) => headers['webhook-event-type'] === 'webhook-operator.disabled',
  );
  expect(JSON.parse(event?.body.toString() ?? '')).toMatchObject({
    webhook: { namespace: 'told', name: 'wh', uid: disabled.metadata.uid },
    reason: 'ReceiverGone',
  });
  // Only a pattern that asks for them gets the operator's own events.
  expect(deliveries('/everything').map(({ eventID }) => eventID)).toEqual(['told-1']);
  const reasons = async (): Promise<string[]> => {
    const args = [
      'get',
      'events.events.k8s.io',
      '-n',
      'told',
      '-o',
      'jsonpath={range .items[*]}{.regarding.name}/{.reason} {end}',
    ];
    return (await world.plane.kubectl(...args)).stdout.split(' ').filter((each) => !isBlank(each));
  };
  await expect.poll(reasons).toEqual(expect.arrayContaining(['wh/Verified', 'wh/Disabled', 'listener/Verified']));
});

test('thousands of unchanged seconds write nothing: a settled Webhook keeps its resource version', async () => {
  await world.applyWebhook('still', 'wh', { url: url('/still'), events: ['>'] });
  await world.untilWebhook('still', 'wh', has('Active', 'True'));
  await delay(1000);
  const version = async (): Promise<unknown> =>
    ((await world.webhook('still', 'wh')).metadata as { readonly resourceVersion?: string }).resourceVersion;
  const before = await version();
  // A change of the class that means nothing to it has it looked at again.
  await applyClass('quick', { description: 'looked at again' });
  await delay(3000);
  expect(await version()).toBe(before);
});

test('a replica that is killed is replaced by another, and nothing is lost', async () => {
  await world.applyWebhook('killed', 'wh', { url: url('/killed'), events: ['>'] });
  await world.untilWebhook('killed', 'wh', has('Active', 'True'));
  const next = await world.startOperator({ name: 'next' });
  const slotsOf = async (process: OperatorProcess): Promise<number> =>
    Number(/^webhook_operator_slots_owned (\d+)$/m.exec(await process.metrics())?.[1] ?? 0);
  await expect
    .poll(async () => [(await slotsOf(operator)) + (await slotsOf(next)), (await slotsOf(next)) > 0], {
      timeout: 30_000,
    })
    .toEqual([16, true]);
  const serves = async (process: OperatorProcess): Promise<boolean> =>
    (await process.metrics()).includes('namespace="killed",name="wh"');
  const [victim, heir] = (await serves(next)) ? [next, operator] : [operator, next];
  const sent = Array.from({ length: 200 }, (_, index) => `killed-${index}`);
  for (const [index, id] of sent.entries()) {
    await world.publish('killed', 'item.created', id);
    if (index === 100) await victim.kill();
  }
  await expect
    .poll(() => new Set(deliveries('/killed').map(({ eventID }) => eventID)).size, { timeout: 45_000 })
    .toBe(sent.length);
  expect(await serves(heir)).toBe(true);
  expect(await heir.stop()).toEqual({ code: 0, signal: null });
});
