import { expect, test } from 'vitest';
import { bindClass } from './class-binding.ts';
import type { ResolveInput } from './resolution.ts';
import { classes, read, spec, webhookClass } from './webhook.fixture.ts';

const all = classes(
  webhookClass('standard'),
  webhookClass('old'),
  webhookClass('public', { source: { name: 'public' } }),
  webhookClass('gold', {
    source: { name: 'gold' },
    admission: { namespaceSelector: { matchLabels: { tier: 'gold' } } },
  }),
);

function bind(specChanges: object, status?: object, input: Partial<ResolveInput> = {}) {
  const webhook = read({ spec: spec({ className: undefined, ...specChanges }), status });
  return bindClass(webhook, { findClass: all, defaultClassName: 'standard', namespaceLabels: {}, ...input });
}

test.each([
  ['the default class is taken', {}, undefined, 'standard', 'team-a'],
  ['a moved default moves no webhook', {}, { className: 'old', source: 'team-a' }, 'old', 'team-a'],
  ['spec.className wins over the default', { className: 'public' }, undefined, 'public', 'public'],
  ['spec.className wins over what was resolved', { className: 'old' }, { className: 'standard' }, 'old', 'team-a'],
])('%s', (_name, specChanges, status, className, source) => {
  expect(bind(specChanges, status)).toMatchObject({ className, source, missing: undefined, conflict: undefined });
});

test('A class with another source than the bound one is a conflict, and the source stays', () => {
  const binding = bind({ className: 'public' }, { className: 'standard', source: 'team-a' });
  expect(binding).toMatchObject({ className: 'public', source: 'team-a' });
  expect(binding.conflict).toBe(
    'WebhookClass public has the source public, this webhook was bound to team-a when it was first seen: name a class with that source, or create the webhook anew',
  );
});

test('A class that does not take the namespace binds no source', () => {
  expect(bind({ className: 'gold' })).toMatchObject({ className: 'gold', source: undefined, conflict: undefined });
  const taken = bind({ className: 'gold' }, undefined, { namespaceLabels: { tier: 'gold' } });
  expect(taken).toMatchObject({ className: 'gold', source: 'gold' });
});

test('Without a default class nothing is bound', () => {
  expect(bind({}, undefined, { defaultClassName: undefined })).toEqual({
    className: undefined,
    source: undefined,
    known: undefined,
    missing:
      'no WebhookClass is marked as default: set spec.className, or mark one with the annotation webhook-operator.dev/is-default-class: "true"',
    conflict: undefined,
  });
});

test('A class that does not exist leaves what was bound before', () => {
  const binding = bind({ className: 'typo' }, { className: 'standard', source: 'team-a' });
  expect(binding).toMatchObject({ className: 'standard', source: 'team-a', known: undefined });
  expect(binding.missing).toBe(
    'WebhookClass typo does not exist: create it, or name another one in spec.className; nothing is delivered until then',
  );
});

test('A deleted class is missing, binds nothing, and its last behaviour is known', () => {
  const gone = { class: webhookClass('standard', { source: { name: 'public' } }), known: 'LastKnown' } as const;
  const binding = bind({}, { source: 'team-a' }, { findClass: () => gone });
  expect(binding).toMatchObject({ className: undefined, source: 'team-a', known: gone, conflict: undefined });
  expect(binding.missing).toMatch(/^WebhookClass standard was deleted: create it/);
});
