import { expect, test } from 'vitest';
import type { WebhookConfig } from '../delivery/webhook-config.ts';
import { reuseParts, sameConfig } from './same-config.ts';
import { resolve, secretStore, spec } from './webhook.fixture.ts';

const key = (name: string) => ({ secretKeyRef: { name, key: 'k' } });

async function config(
  changes: object = {},
  secrets: Readonly<Record<string, string>> = { 'a/k': 'key', 'h/k': 'value' },
): Promise<WebhookConfig> {
  const whole = spec({
    filter: 'type == "a"',
    headers: [{ name: 'X', valueFrom: key('h') }],
    signing: { keys: [key('a')] },
    ...changes,
  });
  return (await resolve({ spec: whole }, { secrets: secretStore(secrets) })).config as WebhookConfig;
}

test('A configuration is the same as itself, and as one made anew of the same', async () => {
  const one = await config();
  expect(sameConfig(one, one)).toBe(true);
  expect(sameConfig(one, await config())).toBe(true);
});

const seed = (byte: number) => `whsk_${Buffer.alloc(32, byte).toString('base64')}`;

test.each<[string, object, Record<string, string>?]>([
  ['patterns', { events: ['x'] }],
  ['the filter', { filter: 'type == "b"' }],
  ['no filter', { filter: undefined }],
  ['the URL', { url: 'https://y.example.com' }],
  ['suspend', { suspend: true }],
  ['a setting', { delivery: { concurrency: 2 } }],
  ['no target', { headers: [{ name: 'X', valueFrom: key('none') }] }],
  ['no keys', { signing: undefined }],
  ['the value of a key', {}, { 'a/k': 'other', 'h/k': 'value' }],
  ['the kind of a key', {}, { 'a/k': seed(1), 'h/k': 'value' }],
  ['the value of a header', {}, { 'a/k': 'key', 'h/k': 'other' }],
])('Another configuration by %s is not the same', async (_name, changes, secrets) => {
  const [one, other] = [await config(), await config(changes, secrets)];
  expect(sameConfig(one, other)).toBe(false);
  expect(sameConfig(other, one)).toBe(false);
});

test('Without anything before it, a configuration is taken as it is', async () => {
  const one = await config();
  expect(reuseParts(undefined, one)).toBe(one);
});

test('The same configuration is the one from before', async () => {
  const before = await config();
  expect(reuseParts(before, await config())).toBe(before);
});

test('Parts that say the same are those from before', async () => {
  const before = await config();
  const other = reuseParts(before, await config({ url: 'https://y.example.com', suspend: true }));
  expect(other).toMatchObject({ suspend: true, target: { url: 'https://y.example.com' } });
  for (const part of ['patterns', 'filter', 'delivery'] as const) expect(other[part]).toBe(before[part]);
  for (const part of ['headers', 'signingKeys', 'network'] as const) {
    expect(other.target?.[part]).toBe(before.target?.[part]);
  }
});

test('Parts that say something else are new', async () => {
  const before = await config();
  const next = await config(
    { events: ['x'], filter: 'type == "b"', delivery: { concurrency: 2 } },
    { 'a/k': 'o', 'h/k': 'o' },
  );
  const other = reuseParts(before, next);
  for (const part of ['patterns', 'filter', 'delivery'] as const) expect(other[part]).toBe(next[part]);
  for (const part of ['headers', 'signingKeys'] as const) expect(other.target?.[part]).toBe(next.target?.[part]);
});

test('A target or filter that comes or goes is taken as it is', async () => {
  const before = await config();
  const { target, filter, ...bare } = before;
  expect(reuseParts(before, { ...bare, suspend: true })).toEqual({ ...bare, suspend: true });
  const back = reuseParts({ ...bare, suspend: true }, before);
  expect(back.target).toBe(target);
  expect(back.filter).toBe(filter);
  expect(reuseParts(before, { ...before, suspend: true }).target).toBe(target);
});
