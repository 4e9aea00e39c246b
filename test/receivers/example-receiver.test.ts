import { afterEach, beforeEach, expect, test } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { startExampleReceiver, type ExampleReceiver } from './example-receiver.ts';

const key = 'whsec_ZXhhbXBsZSBrZXkgb2YgMzIgYnl0ZXMsIGN1cnJlbnQ=';
let receiver: ExampleReceiver;
let lines: string[];
let deliveries: number;

beforeEach(async () => {
  lines = [];
  deliveries = 0;
  receiver = await startExampleReceiver({
    port: 0,
    print: (line) => lines.push(line),
    signingKeys: [key],
    onDelivery: () => (deliveries += 1),
  });
});
afterEach(() => receiver.close());

function post(path: string, body = '', headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${receiver.port}${path}`, { method: 'POST', body, headers });
}

function signed(body: string, at = new Date()): Record<string, string> {
  return {
    'webhook-id': 'e-1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(key).sign('e-1', at, body),
    'webhook-event-type': 'item.created',
    'webhook-attempt': '2',
  };
}

test.each(['/hooks', '/hooks/signed?from=default'])('answers a challenge on %s', async (path) => {
  const response = await post(path, '{"challenge":"token"}');
  expect(await response.json()).toEqual({ challenge: 'token' });
  expect(deliveries).toBe(0);
});

test('prints a delivery in one line', async () => {
  const body = '{"id":\n1}';
  expect((await post('/hooks', body, signed(body))).status).toBe(200);
  expect(lines).toEqual(['receiver  200  /hooks  item.created  attempt 2  id e-1  {"id": 1}']);
  expect(deliveries).toBe(1);
});

test('accepts a signature of its key, also among others, and refuses any other', async () => {
  const body = '{"id":1}';
  const headers = signed(body);
  expect((await post('/hooks/signed', body, headers)).status).toBe(200);
  const rotated = { ...headers, 'webhook-signature': `v1,AAAA ${headers['webhook-signature']}` };
  expect((await post('/hooks/signed', body, rotated)).status).toBe(200);
  expect((await post('/hooks/signed', '{"id":2}', headers)).status).toBe(401);
  expect((await post('/hooks/signed', body)).status).toBe(401);
  expect((await post('/hooks/signed', body, signed(body, new Date(Date.now() - 3_600_000)))).status).toBe(401);
  expect(deliveries).toBe(2);
});

test('fails from /fail on until /ok', async () => {
  await post('/fail');
  expect((await post('/hooks', '{}')).status).toBe(500);
  await post('/ok');
  expect((await post('/hooks', '{}')).status).toBe(200);
  expect(deliveries).toBe(1);
});

test('knows no other path', async () => {
  expect((await post('/')).status).toBe(404);
  expect((await fetch(`http://127.0.0.1:${receiver.port}/hooks`)).status).toBe(404);
});

test('reads no more than a mebibyte', async () => {
  await expect(post('/hooks', 'x'.repeat(2_000_000))).rejects.toThrow();
  expect(lines).toEqual([]);
});
