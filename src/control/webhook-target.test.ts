import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { labels } from '../api/metadata.ts';
import type { WebhookSpec } from '../api/webhook.ts';
import type { SecretResult } from '../kubernetes/secret-reader.ts';
import { readSecrets, secretRefsOf, targetOf, urlHashOf } from './webhook-target.ts';
import { secretStore, webhookClass } from './webhook.fixture.ts';

const from = (name: string, key = 'k') => ({ secretKeyRef: { name, key } });
const { spec: standard } = webhookClass('standard');

async function target(
  spec: Partial<WebhookSpec>,
  values: Readonly<Record<string, string | Buffer | SecretResult | Error>> = {},
  classSpec = standard,
) {
  const whole = { events: ['a'], ...(spec.urlFrom === undefined ? { url: 'https://x.example.com/' } : {}), ...spec };
  return targetOf(classSpec, whole, await readSecrets('team-a', secretRefsOf(whole), secretStore(values)));
}

test('The hash names its algorithm', () => {
  const hex = createHash('sha256').update('https://x.example.com/').digest('hex');
  expect(urlHashOf('https://x.example.com/')).toBe(`sha256:${hex}`);
});

test('Every Secret that the spec names is read, each key once', async () => {
  const spec = {
    urlFrom: from('a'),
    headers: [
      { name: 'X', valueFrom: from('b') },
      { name: 'Y', value: 'v' },
      { name: 'Z', valueFrom: from('a') },
    ],
    signing: { keys: [from('c', '1'), from('c', '2')] },
  };
  const secrets = secretStore();
  await readSecrets('team-a', secretRefsOf(spec), secrets);
  expect(secrets.asked).toEqual(['team-a/a/k', 'team-a/b/k', 'team-a/c/1', 'team-a/c/2']);
});

test('URL, headers and keys come from Secrets, and what may be echoed is masked', async () => {
  const { target: made, problems } = await target(
    {
      urlFrom: from('url'),
      headers: [
        { name: 'X-Plain', value: 'plain' },
        { name: 'X-Empty' },
        { name: 'X-Secret', valueFrom: from('header') },
      ],
      signing: { keys: [from('hmac'), from('ed')] },
    },
    {
      'url/k': 'https://hooks.example.com/T1/abcdefghijkl',
      'header/k': 'Grüße',
      'hmac/k': 'key',
      'ed/k': `whsk_${Buffer.alloc(32, 1).toString('base64')}`,
    },
  );
  expect(problems).toEqual([]);
  expect(made).toMatchObject({
    url: 'https://hooks.example.com/T1/abcdefghijkl',
    signingScheme: 'StandardWebhooks',
    payloadFormat: 'Raw',
    network: { allowedCIDRs: [] },
  });
  expect(made?.signingKeys.map(({ algorithm }) => algorithm)).toEqual(['hmac-sha256', 'ed25519']);
  const header = made?.headers[2]?.[1] ?? '';
  expect(Buffer.from(header, 'latin1').toString()).toBe('Grüße');
  expect(made?.headers.slice(0, 2)).toEqual([
    ['X-Plain', 'plain'],
    ['X-Empty', ''],
  ]);
  expect(made?.secretValues).toEqual(expect.arrayContaining(['/T1/abcdefghijkl', 'abcdefghijkl', header, 'Grüße']));
});

test.each<[string, Partial<WebhookSpec>, Record<string, string | Buffer | SecretResult | Error>, string, string]>([
  [
    'is not there',
    { urlFrom: from('s') },
    {},
    'SecretNotFound',
    'spec.urlFrom: Secret s does not exist (key k): create it, or name another one',
  ],
  [
    'is not labelled',
    { urlFrom: from('s') },
    { 's/k': { outcome: 'NotAllowed', message: 'Secret s is not labelled' } },
    'SecretNotAllowed',
    `spec.urlFrom: Secret s is not labelled (key k): only a Secret with the label ${labels.usable}: "true" that the operator may read is used`,
  ],
  [
    'has control characters',
    { urlFrom: from('s') },
    { 's/k': { outcome: 'Invalid', message: 'key k of Secret s contains control characters' } },
    'SecretInvalid',
    'spec.urlFrom: key k of Secret s contains control characters: put one line of text into it',
  ],
  [
    'could not be read',
    { urlFrom: from('s') },
    { 's/k': new Error('503') },
    'SecretNotFound',
    'spec.urlFrom: Secret s could not be read: 503 (key k): it is tried again',
  ],
  [
    'is no URL',
    { urlFrom: from('s') },
    { 's/k': 'hunter2' },
    'SecretInvalid',
    'spec.urlFrom: key k of Secret s: url must start with http:// or https://',
  ],
  [
    'is a URL that the class refuses',
    { urlFrom: from('s') },
    { 's/k': 'http://x.example.com' },
    'SecretInvalid',
    'spec.urlFrom: key k of Secret s: the class requires https: use an https:// URL or another class',
  ],
  [
    'is no header value',
    { headers: [{ name: 'X', valueFrom: from('s') }] },
    { 's/k': ' hunter2' },
    'SecretInvalid',
    "spec.headers[X]: key k of Secret s: the value of header X has characters that a header can't hold, or spaces around it",
  ],
  [
    'is too long for a header',
    { headers: [{ name: 'X', valueFrom: from('s') }] },
    { 's/k': 'x'.repeat(8193) },
    'SecretInvalid',
    'spec.headers[X]: key k of Secret s: over 8192 bytes',
  ],
  [
    'is not there for a header',
    { headers: [{ name: 'X', valueFrom: from('s') }] },
    {},
    'SecretNotFound',
    'spec.headers[X]: Secret s does not exist (key k): create it, or name another one',
  ],
  [
    'is no key',
    { signing: { keys: [from('s')] } },
    { 's/k': 'whsk_!' },
    'SecretInvalid',
    'spec.signing.keys[0]: key k of Secret s: What follows whsk_ in the signing key is not base64',
  ],
  [
    'is not there for a key',
    { signing: { keys: [from('s')] } },
    {},
    'SecretNotFound',
    'spec.signing.keys[0]: Secret s does not exist (key k): create it, or name another one',
  ],
])('A Secret that %s is a problem', async (_name, spec, values, reason, text) => {
  const { target: made, problems } = await target(spec, values);
  expect(made).toBeUndefined();
  expect(problems).toHaveLength(1);
  expect(problems[0]?.reason).toBe(reason);
  expect(`${problems[0]?.field}: ${problems[0]?.message}`).toBe(text);
  expect(text).not.toContain('hunter2');
});

test('All that is wrong is named at once, and the hash is known all the same', async () => {
  const { problems, urlHash } = await target({
    headers: [{ name: 'X', valueFrom: from('s') }],
    signing: { keys: [from('t')] },
  });
  expect(problems.map(({ field }) => field)).toEqual(['spec.headers[X]', 'spec.signing.keys[0]']);
  expect(urlHash).toBe(urlHashOf('https://x.example.com/'));
});

test('Without its URL there is no hash', async () => {
  expect((await target({ urlFrom: from('s') })).urlHash).toBeUndefined();
});
