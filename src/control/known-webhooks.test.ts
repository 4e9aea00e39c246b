import { expect, test } from 'vitest';
import { KnownWebhooks } from './known-webhooks.ts';
import type { Resolution } from './resolution.ts';

const resolution = { uid: 'u', namespace: 'a', name: 'w', generation: 1 } as Resolution;

test('the last status stays with a Webhook until it is forgotten', () => {
  const known = new KnownWebhooks();
  known.projected('u', { observedGeneration: 1 });
  expect(known.get('u')).toBeUndefined();
  known.resolved('u', { key: 'a/w', slot: 3, resolution });
  known.projected('u', { observedGeneration: 1 });
  expect(known.resolved('u', { key: 'a/w', slot: 3, resolution }).status).toEqual({ observedGeneration: 1 });
  known.forget('u');
  expect(known.get('u')).toBeUndefined();
});

test('uids that are gone are kept by name until each is cleared away', () => {
  const known = new KnownWebhooks();
  known.markGone('a/w', 'u1');
  known.markGone('a/w', 'u2');
  known.cleared('a/w', 'u1');
  known.cleared('a/x', 'u1');
  expect(known.gone('a/w')).toEqual(['u2']);
  known.cleared('a/w', 'u2');
  expect(known.gone('a/w')).toEqual([]);
});
