import { expect, test } from 'vitest';
import { annotations } from '../api/metadata.ts';
import { KnownWebhooks } from './known-webhooks.ts';
import { catalogFixture, classObject, namespaceObject, webhookObject } from './objects.fixture.ts';
import { connectTriggers } from './triggers.ts';

function fixture() {
  const sources = catalogFixture();
  const known = new KnownWebhooks();
  const queued: string[] = [];
  const queue = (name: string) => ({
    add: (key: string, priority = 'high') => {
      queued.push(`${name} ${key} ${priority}`);
    },
  });
  const disconnect = connectTriggers({
    catalog: sources.catalog,
    known,
    webhookQueue: queue('webhook'),
    classQueue: queue('class'),
  });
  const taken = (): string[] => queued.splice(0);
  return { ...sources, known, taken, disconnect };
}

test('a Webhook is looked at when its spec changes, and not when its status does', () => {
  const { webhooks, taken } = fixture();
  webhooks.set(webhookObject('a', 'w'));
  webhooks.set(webhookObject('a', 'w', {}, { status: { source: 'a' } }));
  webhooks.set(webhookObject('a', 'w', {}, { metadata: { generation: 2 } }));
  expect(taken()).toEqual(['webhook a/w high', 'webhook a/w high']);
});

test('a deleted Webhook is remembered by its uid until it is cleared away, also when another took its name', () => {
  const { webhooks, known, taken } = fixture();
  webhooks.set(webhookObject('a', 'w'));
  webhooks.set(webhookObject('a', 'w', {}, { metadata: { uid: 'second' } }));
  expect(known.gone('a/w')).toEqual(['uid-w']);
  webhooks.delete(webhookObject('a', 'w', {}, { metadata: { uid: 'second' } }));
  expect(known.gone('a/w')).toEqual(['uid-w', 'second']);
  expect(new Set(taken())).toEqual(new Set(['webhook a/w high']));
});

test('a class has the Webhooks looked at that use it, or that may use it now', () => {
  const { webhooks, classes, taken } = fixture();
  webhooks.set(webhookObject('a', 'named', { className: 'c' }));
  webhooks.set(webhookObject('a', 'other', { className: 'd' }));
  webhooks.set(webhookObject('a', 'none'));
  taken();
  classes.set(classObject('c'));
  expect(taken()).toEqual(['class c high', 'webhook a/named low', 'webhook a/none low']);
  classes.set(Object.assign(classObject('c'), { status: { observedGeneration: 1 } }));
  expect(taken()).toEqual([]);
  classes.set(classObject('c', {}, { annotations: { [annotations.isDefaultClass]: 'true' } }));
  expect(taken()).toEqual(['class c high', 'webhook a/named low', 'webhook a/none low']);
});

test('other labels of a namespace have its Webhooks looked at', () => {
  const { webhooks, namespaces, taken } = fixture();
  webhooks.set(webhookObject('a', 'w'));
  webhooks.set(webhookObject('b', 'w'));
  taken();
  namespaces.set(namespaceObject('a'));
  expect(taken()).toEqual([]);
  namespaces.set(namespaceObject('a', { team: 'x' }));
  expect(taken()).toEqual(['webhook a/w low']);
});

test('nothing is looked at after the end', () => {
  const { webhooks, classes, namespaces, taken, disconnect } = fixture();
  disconnect();
  webhooks.set(webhookObject('a', 'w'));
  classes.set(classObject('c'));
  namespaces.set(namespaceObject('a', { team: 'x' }));
  expect(taken()).toEqual([]);
});
