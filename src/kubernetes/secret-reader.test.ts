import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubeClient, type KubeClient } from './client.ts';
import { SecretReader, type SecretResult } from './secret-reader.ts';
import { answer, FakeApiServer, statusObject } from './testing/fake-api-server.ts';
import { ManualClock } from './testing/manual-clock.ts';

const PATH = '/api/v1/namespaces/a/secrets';

let server: FakeApiServer;
let clock: ManualClock;
let client: KubeClient;
let reader: SecretReader;

beforeEach(async () => {
  server = await FakeApiServer.start();
  clock = new ManualClock();
  client = createKubeClient({ credentials: server.credentials, clock });
  reader = new SecretReader({ client, clock });
});

afterEach(async () => {
  client.close();
  await server.stop();
});

function put(
  data: Record<string, string | Buffer>,
  labels: Record<string, string> = { 'webhook-operator.dev/usable': 'true' },
): void {
  const encoded = Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value as string).toString('base64')]),
  );
  server.store.put(`${PATH}/crm`, { metadata: { namespace: 'a', name: 'crm', labels }, data: encoded } as never);
}

function read(key = 'token'): Promise<SecretResult> {
  return reader.read({ namespace: 'a', name: 'crm', key });
}

describe('SecretReader', () => {
  it.each([
    ['secret', 'secret'],
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    ['schlüssel', 'schlüssel'],
    ['', ''],
  ])('reads %j as %j', async (stored, expected) => {
    put({ token: stored });
    expect(await read()).toEqual({ outcome: 'ok', value: Buffer.from(expected) });
  });

  it('keeps bytes that are no UTF-8', async () => {
    const bytes = Buffer.from([0xff, 0x80, 0xc3, 0x28]);
    put({ token: bytes });
    expect(await read()).toEqual({ outcome: 'ok', value: bytes });
  });

  it.each(['two\nlines', 'secret\n\n', '\nsecret', 'tab\t', 'nul\0', 'escape\u001b[0m', 'del\u007f', 'secret\r'])(
    'refuses %j',
    async (stored) => {
      put({ token: stored });
      expect(await read()).toEqual({
        outcome: 'Invalid',
        message: 'key token of Secret crm contains control characters',
      });
    },
  );

  it('tells a missing Secret from a missing key', async () => {
    expect(await read()).toEqual({ outcome: 'NotFound', message: 'Secret crm does not exist' });
    reader.invalidate('a', 'crm');
    put({ token: 'x' });
    expect(await read('other')).toEqual({ outcome: 'NotFound', message: 'Secret crm has no key other' });
    expect(await read('toString')).toMatchObject({ outcome: 'NotFound' });
  });

  it.each([{}, { 'webhook-operator.dev/usable': 'false' }, { 'webhook-operator.dev/usable': 'True' }])(
    'does not use a Secret labelled %j',
    async (labels) => {
      put({ token: 'x' }, labels);
      expect(await read()).toEqual({
        outcome: 'NotAllowed',
        message: 'Secret crm is not labelled webhook-operator.dev/usable=true',
      });
    },
  );

  it('says that RBAC forbids it', async () => {
    server.intercept = (_request, response) => {
      answer(response, { status: 403, body: statusObject(403, 'Forbidden', 'no') });
      return true;
    };
    expect(await read()).toEqual({ outcome: 'NotAllowed', message: 'the operator may not read Secret crm' });
  });

  it('asks once for all keys and readers within 30 s', async () => {
    put({ token: 'one', url: 'two' });
    await Promise.all([read(), read('url'), read()]);
    clock.advance(29_999);
    await read();
    expect(server.requests).toHaveLength(1);
  });

  it('sees a changed Secret, and a label that was taken away, within 30 s', async () => {
    put({ token: 'one' });
    await read();
    put({ token: 'two' });
    clock.advance(30_000);
    expect(await read()).toMatchObject({ value: Buffer.from('two') });
    put({ token: 'two' }, {});
    clock.advance(30_000);
    expect(await read()).toMatchObject({ outcome: 'NotAllowed' });
  });

  it('goes on with what it knows while the API server is away, asking every 5 s', async () => {
    put({ token: 'one' });
    await read();
    clock.advance(30_000);
    server.intercept = (_request, response) => {
      answer(response, { status: 503, body: statusObject(503, 'ServiceUnavailable', 'no') });
      return true;
    };
    expect(await read()).toMatchObject({ value: Buffer.from('one') });
    clock.advance(4999);
    expect(await read()).toMatchObject({ value: Buffer.from('one') });
    expect(server.requests).toHaveLength(2);
    clock.advance(1);
    await read();
    expect(server.requests).toHaveLength(3);
  });

  it('rejects when the API server is away and nothing is known', async () => {
    await server.stop();
    await expect(read()).rejects.toMatchObject({ name: 'ApiError', status: 0 });
    await server.listen();
    put({ token: 'one' });
    expect(await read()).toMatchObject({ outcome: 'ok' });
  });

  it('forgets what nobody has asked for in ten minutes', async () => {
    put({ token: 'one' });
    await read();
    expect(reader.size).toBe(1);
    clock.advance(600_000);
    await reader.read({ namespace: 'a', name: 'another', key: 'x' });
    expect(reader.size).toBe(1);
  });
});
