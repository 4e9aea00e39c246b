import { afterEach, expect, test } from 'vitest';
import { type Receiver, startReceiver } from './receiver.ts';

let receiver: Receiver;
afterEach(() => receiver.close());

const post = (path: string, id: string): Promise<Response> =>
  fetch(`${receiver.url}${path}`, { method: 'POST', headers: { 'webhook-id': id }, body: '{"n":1}' });

test('a receiver remembers requests and counts event ids', async () => {
  receiver = await startReceiver();
  await post('/hooks?x=1', 'a');
  await post('/hooks?x=1', 'a');
  await post('/hooks?x=1', 'b');
  expect(receiver.requests).toHaveLength(3);
  expect(receiver.requests[0]).toMatchObject({ method: 'POST', path: '/hooks?x=1', eventID: 'a' });
  expect(receiver.requests[0]?.body.toString()).toBe('{"n":1}');
  expect([...receiver.counts]).toEqual([
    ['a', 2],
    ['b', 1],
  ]);
  receiver.forget();
  expect([receiver.requests.length, receiver.counts.size]).toEqual([0, 0]);
});

test('it answers challenges until told otherwise, and each path as told', async () => {
  receiver = await startReceiver();
  const challenge = await fetch(receiver.url, { method: 'POST', body: '{"challenge":"t"}' });
  expect(await challenge.json()).toEqual({ challenge: 't' });
  receiver.answer((request) => ({ kind: 'respond', status: request.eventID === 'bad' ? 500 : 202, body: 'told' }));
  receiver.answerPath('/gone', { kind: 'respond', status: 410 });
  const responses = [await post('/', 'bad'), await post('/', 'good'), await post('/gone?x', 'good')];
  expect(responses.map(({ status }) => status)).toEqual([500, 202, 410]);
  expect(await responses[0]?.text()).toBe('told');
});

test('it can be waited for, and says how many requests came if it was in vain', async () => {
  receiver = await startReceiver();
  const arrived = receiver.waitForRequests(2);
  await post('/', 'a');
  await expect(receiver.waitForRequests(2, 20)).rejects.toThrow('1 of 2 requests arrived within 20 ms');
  await post('/', 'b');
  expect(await arrived).toHaveLength(2);
});

test('it comes back on the port that it had', async () => {
  receiver = await startReceiver();
  const { port, url } = receiver;
  await receiver.close();
  await expect(post('/', 'a')).rejects.toThrow();
  receiver = await startReceiver({ port });
  expect(receiver.url).toBe(url);
  expect((await post('/', 'a')).status).toBe(200);
});
