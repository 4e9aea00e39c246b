import { afterEach, describe, expect, test } from 'vitest';
import { createAuthority } from '../../test/receivers/certificates.ts';
import { type Behaviour, type Receiver, type ReceiverOptions, startReceiver } from '../../test/receivers/receiver.ts';
import { type AgentPoolOptions, createAgentPool } from '../net/agents.ts';
import type { OutgoingRequest, Sender } from './attempt.ts';
import { createHTTPSender } from './http-sender.ts';

// When connections are used again, and when they are not: what a keep-alive connection may cost and must not cost.

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function newSender(options: AgentPoolOptions = {}): Sender {
  const agents = createAgentPool(options);
  cleanups.push(() => agents.close());
  return createHTTPSender({ agents });
}

async function newReceiver(options?: ReceiverOptions): Promise<Receiver> {
  const receiver = await startReceiver(options);
  cleanups.push(() => receiver.close());
  return receiver;
}

function post(url: string, overrides: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return {
    method: 'POST',
    url,
    headers: ['webhook-id', 'evt-1'],
    body: Buffer.from('{"id":1}'),
    connectTimeoutMs: 1000,
    totalTimeoutMs: 2000,
    allowedCIDRs: ['127.0.0.0/8'],
    ...overrides,
  };
}

/** The first request gets the first behaviour, and so on; after the last one, 200. */
function inOrder(receiver: Receiver, ...behaviours: readonly Behaviour[]): void {
  receiver.answer(() => behaviours[receiver.requests.length - 1] ?? { kind: 'respond' });
}

/** undici waits for a turn of the event loop before it uses a connection again. */
async function sendAll(sender: Sender, request: OutgoingRequest, times: number) {
  const results = [];
  for (let n = 0; n < times; n += 1) {
    results.push(await sender.send(request));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return results;
}

const connectionsOf = (receiver: Receiver): number[] => receiver.requests.map(({ connection }) => connection);

describe('a connection is used again', () => {
  test.each<[string, Behaviour]>([
    ['a 200 without body', { kind: 'respond' }],
    ['a 200 with a body nobody wants', { kind: 'respond', body: 'x'.repeat(60_000) }],
    ['a 204', { kind: 'respond', status: 204 }],
    ['a 500 with a body', { kind: 'respond', status: 500, body: 'x'.repeat(3000) }],
    ['a 500 with more body than is kept', { kind: 'respond', status: 500, body: 'x'.repeat(60_000) }],
    ['a redirect', { kind: 'respond', status: 302, headers: { location: '/' } }],
  ])('after %s', async (_, behaviour) => {
    const receiver = await newReceiver();
    receiver.answer(behaviour);
    await sendAll(newSender(), post(receiver.url), 4);
    expect(connectionsOf(receiver)).toEqual([1, 1, 1, 1]);
  });

  test('by another path of the same origin', async () => {
    const receiver = await newReceiver();
    const sender = newSender();
    await sendAll(sender, post(`${receiver.url}/a`), 1);
    await sendAll(sender, post(`${receiver.url}/b`), 1);
    expect(connectionsOf(receiver)).toEqual([1, 1]);
  });

  test('by a request whose connect timeout is of the same class, not by another', async () => {
    const receiver = await newReceiver();
    const sender = newSender();
    await sendAll(sender, post(receiver.url, { connectTimeoutMs: 1500 }), 1);
    await sendAll(sender, post(receiver.url, { connectTimeoutMs: 2000 }), 1);
    await sendAll(sender, post(receiver.url, { connectTimeoutMs: 3000 }), 1);
    expect(connectionsOf(receiver)).toEqual([1, 1, 2]);
  });
});

describe('a connection is not used again', () => {
  test.each<[string, Behaviour]>([
    ['a body that is too long to read for nothing', { kind: 'respond', body: 'x'.repeat(5_000_000) }],
    ['a response that closes it', { kind: 'respond', closeConnection: true }],
    ['a body that does not end', { kind: 'dripBody', intervalMs: 20 }],
  ])('after %s', async (_, behaviour) => {
    const receiver = await newReceiver();
    receiver.answer(behaviour);
    await sendAll(newSender(), post(receiver.url), 3);
    expect(new Set(connectionsOf(receiver)).size).toBe(3);
  });

  test('under another network policy', async () => {
    const receiver = await newReceiver();
    const sender = newSender();
    await sendAll(sender, post(receiver.url), 1);
    await sendAll(sender, post(receiver.url, { allowedCIDRs: ['127.0.0.1/32'] }), 1);
    expect(connectionsOf(receiver)).toEqual([1, 2]);
  });
});

test('over TLS each new connection is verified and works, also when it resumes a session', async () => {
  const authority = createAuthority();
  const receiver = await newReceiver({ tls: authority.issue({ hosts: ['127.0.0.1'] }) });
  receiver.answer({ kind: 'respond', closeConnection: true });
  const agents = createAgentPool();
  cleanups.push(() => agents.close());
  const tls = { key: 'test', options: { ca: authority.cert } };
  const sender = createHTTPSender({ agents: { ...agents, get: (profile) => agents.get({ ...profile, tls }) } });
  const results = await sendAll(sender, post(receiver.url), 3);
  expect(results).toMatchObject([{ statusCode: 200 }, { statusCode: 200 }, { statusCode: 200 }]);
  expect(connectionsOf(receiver)).toEqual([1, 2, 3]);
});

describe('a connection that the receiver closed while it was idle', () => {
  test.each<Behaviour>([{ kind: 'reset' }, { kind: 'closeWithoutAnswer' }])(
    'the request goes out once more at once, unchanged: $kind',
    async (behaviour) => {
      const receiver = await newReceiver();
      inOrder(receiver, { kind: 'respond' }, behaviour);
      const results = await sendAll(newSender(), post(receiver.url), 2);
      expect(results).toMatchObject([{ statusCode: 200 }, { statusCode: 200 }]);
      expect(connectionsOf(receiver)).toEqual([1, 1, 2]);
      const [, second, third] = receiver.requests;
      expect(third).toMatchObject({ body: second?.body, headers: second?.headers, path: second?.path });
    },
  );

  test('once, not more often', async () => {
    const receiver = await newReceiver();
    inOrder(receiver, { kind: 'respond' }, { kind: 'reset' }, { kind: 'reset' });
    const results = await sendAll(newSender(), post(receiver.url), 2);
    expect(results).toMatchObject([{ statusCode: 200 }, { kind: 'Error', reason: 'ConnectionReset' }]);
    expect(receiver.requests).toHaveLength(3);
  });

  test('not on a connection that was new, also over TLS, whose handshake brings bytes too', async () => {
    const authority = createAuthority();
    const plain = await newReceiver();
    const secure = await newReceiver({ tls: authority.issue({ hosts: ['127.0.0.1'] }) });
    const agents = createAgentPool();
    cleanups.push(() => agents.close());
    const tls = { key: 'test', options: { ca: authority.cert } };
    const sender = createHTTPSender({ agents: { ...agents, get: (profile) => agents.get({ ...profile, tls }) } });
    for (const receiver of [plain, secure]) {
      receiver.answer({ kind: 'reset' });
      expect(await sender.send(post(receiver.url))).toMatchObject({ reason: 'ConnectionReset' });
      expect(receiver.requests).toHaveLength(1);
    }
  });

  test('not when a part of the response came', async () => {
    const receiver = await newReceiver();
    inOrder(receiver, { kind: 'respond' }, { kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\nx-a' });
    const results = await sendAll(newSender(), post(receiver.url), 2);
    expect(results).toMatchObject([{ statusCode: 200 }, { kind: 'Error' }]);
    expect(receiver.requests).toHaveLength(2);
  });

  test('nothing fails against a receiver that closes idle connections just when requests come', async () => {
    const receiver = await newReceiver({ keepAliveTimeoutMs: 30 });
    receiver.answer({ kind: 'respond' });
    const sender = newSender();
    const results = [];
    for (let n = 0; n < 15; n += 1) {
      results.push(await sender.send(post(receiver.url)));
      await new Promise((resolve) => setTimeout(resolve, 26 + (n % 8)));
    }
    expect(results.map((result) => result.kind)).toEqual(Array.from({ length: 15 }, () => 'Response'));
  });

  test('after the receiver was restarted all of many connections recover', async () => {
    const receiver = await newReceiver();
    receiver.answer({ kind: 'respond', delayMs: 20 });
    const sender = newSender();
    const burst = () => Promise.all(Array.from({ length: 10 }, () => sender.send(post(receiver.url))));
    await burst();
    receiver.resetConnections();
    const results = await burst();
    expect(results.map((result) => result.kind)).toEqual(Array.from({ length: 10 }, () => 'Response'));
  });
});

describe('requests side by side', () => {
  test('a hanging path does not hold the others of its origin', async () => {
    const receiver = await newReceiver();
    receiver.answerPath('/hangs', { kind: 'hang' });
    receiver.answerPath('/works', { kind: 'respond' });
    const sender = newSender();
    const hanging = Array.from({ length: 50 }, () =>
      sender.send(post(`${receiver.url}/hangs`, { totalTimeoutMs: 700 })),
    );
    await receiver.waitForRequests(50);
    const result = await sender.send(post(`${receiver.url}/works`));
    expect(result).toMatchObject({ statusCode: 200 });
    expect(result.durationMs).toBeLessThan(500);
    for (const each of await Promise.all(hanging)) expect(each).toMatchObject({ reason: 'Timeout' });
    await expect.poll(() => receiver.openConnections).toBeLessThanOrEqual(1);
  });

  test('a request that waited for a connection in vain leaves the connection to the next', async () => {
    const receiver = await newReceiver();
    receiver.answer({ kind: 'respond', delayMs: 400 });
    const sender = newSender({ maxConnectionsPerOrigin: 1 });
    const first = sender.send(post(receiver.url));
    const second = sender.send(post(receiver.url, { totalTimeoutMs: 100 }));
    const third = sender.send(post(receiver.url));
    expect(await second).toMatchObject({ kind: 'Error', reason: 'Timeout' });
    expect([await first, await third]).toMatchObject([{ statusCode: 200 }, { statusCode: 200 }]);
    expect(connectionsOf(receiver)).toEqual([1, 1]);
  });

  test('whatever a receiver does, every request ends in time and no connection is left behind', async () => {
    const receiver = await newReceiver({ keepAliveTimeoutMs: 2000 });
    const behaviours: readonly Behaviour[] = [
      { kind: 'respond', body: 'x'.repeat(100) },
      { kind: 'respond', status: 500, body: 'x'.repeat(100_000) },
      { kind: 'respond', delayMs: 100, informational: [102] },
      { kind: 'respond', closeConnection: true },
      { kind: 'hang' },
      { kind: 'reset' },
      { kind: 'closeWithoutAnswer' },
      { kind: 'dripHeaders', intervalMs: 30 },
      { kind: 'dripBody', intervalMs: 30 },
      { kind: 'dripBody', status: 500, intervalMs: 30 },
      { kind: 'endlessBody' },
      { kind: 'endlessBody', status: 404 },
      { kind: 'resetInBody', bytes: 10 },
      { kind: 'resetInBody', status: 503, bytes: 10 },
      { kind: 'raw', bytes: 'garbage' },
      { kind: 'raw', bytes: '' },
    ];
    receiver.answer((request) => behaviours[Number(request.headers['x-behaviour'])] ?? { kind: 'hang' });
    const answered = new Set([0, 1, 2, 3, 8, 10]);
    const sender = newSender();
    const send = async (worker: number): Promise<void> => {
      for (let n = 0; n < behaviours.length; n += 1) {
        const index = (worker * 7 + n * 5) % behaviours.length;
        // A machine under load may take its time over what is answered.
        const totalTimeoutMs = answered.has(index) ? 1200 : 250;
        const overrides = { totalTimeoutMs, headers: ['x-behaviour', String(index)] };
        const maxResponseBytes = worker % 3 === 0 ? { maxResponseBytes: 1000 } : {};
        const result = await sender.send(post(receiver.url, { ...overrides, ...maxResponseBytes }));
        expect(result.durationMs).toBeLessThan(1500);
        if (index <= 3) expect(result).toMatchObject({ kind: 'Response', statusCode: index === 1 ? 500 : 200 });
        else if (answered.has(index)) expect(result).toMatchObject({ kind: 'Response', statusCode: 200 });
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, worker) => send(worker)));
    // What is left are idle keep-alive connections, which end a second before the receiver would end them.
    await expect.poll(() => receiver.openConnections, { timeout: 4000, interval: 100 }).toBe(0);
  }, 15_000);

  test('a request after the pool was closed is a result too', async () => {
    const receiver = await newReceiver();
    const agents = createAgentPool();
    cleanups.push(() => agents.close());
    const sender = createHTTPSender({ agents });
    receiver.answer({ kind: 'hang' });
    const pending = sender.send(post(receiver.url));
    await receiver.waitForRequests(1);
    await agents.close();
    expect(await pending).toMatchObject({ kind: 'Error' });
  });
});
