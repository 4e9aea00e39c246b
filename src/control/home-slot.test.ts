import { expect, test } from 'vitest';
import { maxOrderedWebhooks } from '../jetstream/stream-table.ts';
import { admittedOrdered, classNameOf, homeSource } from './home-slot.ts';
import { catalogFixture, classObject, webhookObject } from './objects.fixture.ts';
import { readWebhook } from './read-webhook.ts';
import type { ReadWebhook } from './resolution.ts';

function read(...args: Parameters<typeof webhookObject>): ReadWebhook {
  const webhook = readWebhook(webhookObject(...args));
  if (webhook === undefined) throw new Error('no Webhook');
  return webhook;
}

test('the class is the one in the spec, else the one it was bound to, else the default', () => {
  const bound = { status: { className: 'bound' } };
  expect(classNameOf(read('a', 'w', { className: 'named' }, bound), 'default')).toBe('named');
  expect(classNameOf(read('a', 'w', {}, bound), 'default')).toBe('bound');
  expect(classNameOf(read('a', 'w'), 'default')).toBe('default');
  expect(classNameOf(read('a', 'w'), undefined)).toBeUndefined();
});

test('a Webhook lives where its source is: bound, of its class, or for the time being of its namespace', () => {
  const { catalog, classes } = catalogFixture();
  classes.set(classObject('public', { source: { name: 'public' } }));
  expect(homeSource(read('a', 'w', { className: 'public' }), catalog)).toBe('public');
  expect(homeSource(read('a', 'w', { className: 'public' }, { status: { source: 'b' } }), catalog)).toBe('b');
  expect(homeSource(read('a', 'w', { className: 'unknown' }), catalog)).toBe('a');
});

test('of too many ordered webhooks the oldest are taken, of those of one age by uid', () => {
  const { catalog } = catalogFixture();
  const webhooks = Array.from({ length: maxOrderedWebhooks + 2 }, (_, index) =>
    read(
      'a',
      `w${String(index).padStart(3, '0')}`,
      { delivery: { ordered: true } },
      {
        metadata: index < 2 ? { creationTimestamp: '2026-02-01T00:00:00Z' } : {},
      },
    ),
  );
  const admitted = admittedOrdered([read('a', 'plain'), ...webhooks], catalog);
  expect(admitted.size).toBe(maxOrderedWebhooks);
  expect([admitted.has('uid-w000'), admitted.has('uid-w001'), admitted.has('uid-plain')]).toEqual([
    false,
    false,
    false,
  ]);
  expect(admitted.has('uid-w201')).toBe(true);
});
