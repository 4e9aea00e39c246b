import { expect, test } from 'vitest';
import { annotations } from '../api/metadata.ts';
import type { WebhookConfig } from '../delivery/webhook-config.ts';
import type { KnownClass, ResolveInput } from './resolution.ts';
import { classes, resolve, secretStore, spec, webhookClass, type WebhookObject } from './webhook.fixture.ts';

const token = { secretKeyRef: { name: 'crm', key: 'token' } };
const withToken = { headers: [{ name: 'Authorization', valueFrom: token }] };
const status = { className: 'standard', source: 'team-a' };
const lastKnown = (known: KnownClass['class']) => (): KnownClass => ({ class: known, known: 'LastKnown' });

test('A valid Webhook becomes a configuration that delivers', async () => {
  const resolution = await resolve({ metadata: { annotations: { [annotations.reactivate]: '1' } } });
  expect(resolution).toMatchObject({
    uid: 'uid-1',
    namespace: 'team-a',
    name: 'crm',
    generation: 3,
    className: 'standard',
    source: 'team-a',
    hold: undefined,
    usesSecrets: false,
    readFailed: false,
  });
  expect(resolution.config).toMatchObject({
    generation: 3,
    source: 'team-a',
    patterns: ['item.created', 'order.>'],
    delivery: { concurrency: 16, ordered: false },
    exempt: false,
    suspend: false,
    reactivateAnnotation: '1',
    verification: 'Challenge',
    target: { url: 'https://crm.example.com/hook', urlHash: resolution.urlHash, signingKeys: [] },
  });
  expect(resolution.config).not.toHaveProperty('hold');
  expect(resolution.config).not.toHaveProperty('filter');
});

test('What the class says is in the configuration', async () => {
  const findClass = classes(
    webhookClass('standard', {
      source: { name: 'shop' },
      admission: { exempt: true },
      verification: { method: 'None' },
      payload: { format: 'Event' },
      signing: { scheme: 'None' },
      delivery: { concurrency: 2, timeouts: { total: '10s' } },
      network: { allowedCIDRs: ['10.0.0.0/8'] },
    }),
  );
  const { config } = await resolve({ spec: spec({ delivery: { timeouts: { connect: '1s' } } }) }, { findClass });
  expect(config).toMatchObject({
    source: 'shop',
    exempt: true,
    verification: 'None',
    delivery: { concurrency: 2, timeouts: { connectMs: 1000, totalMs: 10_000 } },
    target: { payloadFormat: 'Event', signingScheme: 'None', network: { allowedCIDRs: ['10.0.0.0/8'] } },
  });
});

test('Without a generation it is 0', async () => {
  expect((await resolve({ metadata: { generation: undefined } })).generation).toBe(0);
});

const gold = webhookClass('standard', { admission: { namespaceSelector: { matchLabels: { tier: 'gold' } } } });
const elsewhere = webhookClass('standard', { source: { name: 'public' } });

test.each<[string, WebhookObject, Partial<ResolveInput>, string, string | RegExp]>([
  [
    'a URL that is none',
    { spec: spec({ url: 'ftp://x' }) },
    {},
    'InvalidSpec',
    'spec.url: url must start with http:// or https://',
  ],
  ['a filter that does not compile', { spec: spec({ filter: 'data.' }) }, {}, 'InvalidSpec', /^spec\.filter: /],
  [
    'a filter and the class',
    { spec: spec({ filter: 'data.', url: 'http://x.example.com' }) },
    {},
    'InvalidSpec',
    /^spec\.filter: .*; spec\.url: the class requires https/s,
  ],
  [
    'a class that is not there',
    {},
    { findClass: () => undefined },
    'ClassNotFound',
    /^WebhookClass standard does not exist/,
  ],
  [
    'a class that was deleted',
    {},
    { findClass: lastKnown(webhookClass('standard')) },
    'ClassNotFound',
    /^WebhookClass standard was deleted/,
  ],
  [
    'an invalid spec before a missing class',
    { spec: spec({ filter: 'data.' }) },
    { findClass: () => undefined },
    'InvalidSpec',
    /^spec\.filter: /,
  ],
  [
    'another source',
    {},
    { findClass: classes(elsewhere) },
    'SourceConflict',
    /^WebhookClass standard has the source public/,
  ],
  [
    'another source before what the class forbids',
    { spec: spec({ url: 'http://x.example.com' }) },
    { findClass: classes(elsewhere) },
    'SourceConflict',
    /./,
  ],
  [
    'a namespace that the class does not take',
    {},
    { findClass: classes(gold) },
    'InvalidSpec',
    /^spec\.className: the class is not for this namespace/,
  ],
  [
    'a missing Secret',
    { spec: spec(withToken) },
    {},
    'SecretNotFound',
    'spec.headers[Authorization]: Secret crm does not exist (key token): create it, or name another one',
  ],
  [
    'a missing Secret before the suspension',
    { spec: spec({ ...withToken, suspend: true }) },
    {},
    'SecretNotFound',
    /./,
  ],
  [
    'the switch of the user',
    { spec: spec({ suspend: true }) },
    {},
    'Suspended',
    'spec.suspend is true: events that come meanwhile are held, and delivered once it is false',
  ],
  [
    'one ordered webhook too many',
    { spec: spec({ delivery: { ordered: true } }) },
    { orderedAdmitted: false },
    'InvalidSpec',
    /^spec\.delivery\.ordered: at most 200 webhooks may be ordered/,
  ],
])('It is held for %s', async (_name, changes, input, reason, message) => {
  const resolution = await resolve({ status, ...changes }, input);
  expect(resolution.hold?.reason).toBe(reason);
  expect(resolution.hold?.message).toMatch(message);
  expect(resolution.config?.hold ?? reason).toBe(reason);
});

test('A webhook held for any reason keeps its patterns, and gets no target unless it is only suspended', async () => {
  const cases: [WebhookObject, Partial<ResolveInput>][] = [
    [{ spec: spec({ url: 'ftp://x' }) }, {}],
    [{}, { findClass: () => undefined }],
    [{}, { findClass: lastKnown(webhookClass('standard')) }],
    [{}, { findClass: classes(elsewhere) }],
    [{ spec: spec(withToken) }, {}],
    [{ spec: spec({ suspend: true }) }, {}],
  ];
  for (const [changes, input] of cases) {
    const { config } = await resolve({ status, ...changes }, input);
    expect(config).toMatchObject({ patterns: ['item.created', 'order.>'], source: 'team-a' });
    expect(config?.target !== undefined).toBe(config?.hold === 'Suspended');
  }
});

test('Of several patterns the valid ones match on while the others hold the webhook', async () => {
  const { config, hold } = await resolve({ spec: spec({ events: ['a.b', 'a b'] }) });
  expect(config).toMatchObject({ patterns: ['a.b'], hold: 'InvalidSpec' });
  expect(hold?.message).toMatch(/^spec\.events\[1\]: /);
});

test('Never bound to a source, it has no configuration', async () => {
  expect((await resolve({}, { findClass: () => undefined })).config).toBeUndefined();
  expect((await resolve({}, { findClass: classes(gold) })).config).toBeUndefined();
  const tooMany = await resolve({ spec: spec({ delivery: { ordered: true } }) }, { orderedAdmitted: false });
  expect(tooMany).toMatchObject({ config: undefined, source: 'team-a' });
});

test('An ordered webhook that the install takes is ordered', async () => {
  const { config } = await resolve({ spec: spec({ delivery: { ordered: true } }) });
  expect(config).toMatchObject({ delivery: { ordered: true } });
  expect(config).not.toHaveProperty('hold');
});

test('The hash of a URL in spec is known while something else is wrong', async () => {
  const { urlHash } = await resolve();
  expect((await resolve({ spec: spec({ filter: 'data.' }) })).urlHash).toBe(urlHash);
  expect((await resolve({ spec: spec(withToken) })).urlHash).toBe(urlHash);
  expect((await resolve({ spec: spec({ url: 'ftp://x' }) })).urlHash).toBeUndefined();
});

test('Settings that the class does not let a Webhook make don’t count while it is held for them', async () => {
  const forbidden = { disable: { reactivateBy: ['Annotation'] }, whileInactive: 'Drop', concurrency: 3 };
  const findClass = classes(
    webhookClass('standard', {
      admission: { overrides: ['concurrency'] },
      delivery: { disable: { reactivateBy: ['Toggle'] } },
    }),
  );
  const { config, hold } = await resolve({ spec: spec({ delivery: { ...forbidden, ordered: true } }) }, { findClass });
  expect(hold?.message).toMatch(
    /spec\.delivery\.disable: .*spec\.delivery\.whileInactive: .*spec\.delivery\.ordered: /,
  );
  expect(config?.delivery).toMatchObject({
    disable: { reactivateBy: ['Toggle'] },
    whileInactive: 'Keep',
    concurrency: 3,
    ordered: true,
  });
});

test('Without a class no switch clears a disable; with its last behaviour those do that it lists', async () => {
  const unknown = await resolve({ status }, { findClass: () => undefined });
  expect(unknown.config?.delivery.disable.reactivateBy).toEqual([]);
  const known = webhookClass('standard', { delivery: { disable: { reactivateBy: ['Toggle'] } } });
  const gone = await resolve({ status }, { findClass: lastKnown(known) });
  expect(gone.config?.delivery.disable.reactivateBy).toEqual(['Toggle']);
});

test('A suspension is seen in a spec that can’t be read as a whole', async () => {
  const { config } = await resolve({ spec: spec({ suspend: true, url: 1 }) });
  expect(config).toMatchObject({ suspend: true, hold: 'InvalidSpec' });
});

test('A suspended webhook whose events are dropped says so', async () => {
  const findClass = classes(webhookClass('standard', { delivery: { whileInactive: 'Drop' } }));
  const { hold } = await resolve({ spec: spec({ suspend: true }) }, { findClass });
  expect(hold?.message).toBe('spec.suspend is true: events that come meanwhile are dropped');
});

test('Secrets are read only when the spec is in order', async () => {
  const secrets = secretStore({ 'crm/token': 'abcdefgh' });
  const held = await resolve({ spec: spec({ ...withToken, filter: 'data.' }) }, { secrets });
  expect(held.usesSecrets).toBe(true);
  expect(secrets.asked).toEqual([]);
  const { config, usesSecrets } = await resolve({ spec: spec(withToken) }, { secrets });
  expect(secrets.asked).toEqual(['team-a/crm/token']);
  expect(usesSecrets).toBe(true);
  expect(config?.target).toMatchObject({ headers: [['Authorization', 'abcdefgh']], secretValues: ['abcdefgh'] });
});

test('A Secret that could not be read holds the webhook and is asked for again', async () => {
  const secrets = secretStore({ 'crm/token': new Error('the API server is away') });
  const { hold, readFailed } = await resolve({ spec: spec(withToken) }, { secrets });
  expect(readFailed).toBe(true);
  expect(hold).toEqual({
    reason: 'SecretNotFound',
    message:
      'spec.headers[Authorization]: Secret crm could not be read: the API server is away (key token): it is tried again',
  });
});

test('While a Secret can’t be read, what is known of the same spec goes on', async () => {
  const changes = { spec: spec(withToken) };
  const previous = await resolve(changes, { secrets: secretStore({ 'crm/token': 'abcdefgh' }) });
  const secrets = secretStore({ 'crm/token': new Error('the API server is away') });
  expect(await resolve(changes, { secrets, previous })).toEqual({ ...previous, readFailed: true });
  const edited = await resolve({ ...changes, metadata: { generation: 4 } }, { secrets, previous });
  expect(edited).toMatchObject({ generation: 4, readFailed: true, hold: { reason: 'SecretNotFound' } });
  const held = await resolve(changes);
  expect((await resolve(changes, { secrets, previous: held })).hold?.message).toMatch(/could not be read/);
});

test('What did not change is the same object, down to its parts', async () => {
  const changes = { spec: spec({ ...withToken, filter: 'type == "a"' }) };
  const secrets = secretStore({ 'crm/token': 'abcdefgh' });
  const previous = await resolve(changes, { secrets });
  const again = await resolve(changes, { secrets, previous });
  expect(again.config).toBe(previous.config);

  const suspended = await resolve(
    { spec: spec({ ...withToken, filter: 'type == "a"', suspend: true }), metadata: { generation: 4 } },
    { secrets, previous },
  );
  const [before, after] = [previous.config as WebhookConfig, suspended.config as WebhookConfig];
  expect(after).not.toBe(before);
  expect(after).toMatchObject({ generation: 4, suspend: true, hold: 'Suspended' });
  for (const part of ['patterns', 'filter', 'delivery', 'target'] as const) expect(after[part]).toBe(before[part]);
});

test('A changed Secret changes the configuration at the same generation', async () => {
  const previous = await resolve({ spec: spec(withToken) }, { secrets: secretStore({ 'crm/token': 'before' }) });
  const { config } = await resolve(
    { spec: spec(withToken) },
    { secrets: secretStore({ 'crm/token': 'after' }), previous },
  );
  expect(config).not.toBe(previous.config);
  expect(config?.target?.headers).toEqual([['Authorization', 'after']]);
  expect(config?.target?.network).toBe(previous.config?.target?.network);
});

test('A webhook keeps the order in which it was first seen, and says that it can not change', async () => {
  const changed = await resolve({ spec: spec({ delivery: { ordered: true } }) }, { boundOrdered: false });
  expect(changed.config).toMatchObject({ hold: 'InvalidSpec', delivery: { ordered: false } });
  expect(changed.hold?.message).toContain('delivery.ordered is true by spec and class, and was false');
  const same = await resolve(
    { spec: spec({ delivery: { ordered: true } }) },
    { boundOrdered: true, orderedAdmitted: false },
  );
  expect(same.hold).toBeUndefined();
  expect(same.config?.delivery.ordered).toBe(true);
});

test('An ordered webhook whose class nobody knows stays ordered', async () => {
  const unknown = await resolve({}, { boundOrdered: true, findClass: () => undefined });
  expect(unknown.hold?.reason).toBe('ClassNotFound');
  expect(unknown.config?.delivery.ordered ?? true).toBe(true);
});
