import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createAuthority, selfSigned } from '../../test/receivers/certificates.ts';
import { type Behaviour, type Receiver, type ReceiverOptions, startReceiver } from '../../test/receivers/receiver.ts';
import { type AgentPoolOptions, createAgentPool } from '../net/agents.ts';
import type { HostLookup } from '../net/shared-lookup.ts';
import type { OutgoingRequest, RequestResult, Sender } from './attempt.ts';
import { createHTTPSender } from './http-sender.ts';

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function newSender(options: AgentPoolOptions = {}): Sender {
  const agents = createAgentPool(options);
  cleanups.push(() => agents.close());
  return createHTTPSender({ agents });
}

async function newReceiver(behaviour?: Behaviour, options?: ReceiverOptions): Promise<Receiver> {
  const receiver = await startReceiver(options);
  cleanups.push(() => receiver.close());
  if (behaviour !== undefined) receiver.answer(behaviour);
  return receiver;
}

function post(url: string, overrides: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return {
    method: 'POST',
    url,
    headers: ['content-type', 'application/json', 'webhook-id', 'evt-1'],
    body: Buffer.from('{"id":1}'),
    connectTimeoutMs: 1000,
    totalTimeoutMs: 2000,
    allowedCIDRs: ['127.0.0.0/8'],
    ...overrides,
  };
}

async function sendTo(behaviour: Behaviour, overrides: Partial<OutgoingRequest> = {}): Promise<RequestResult> {
  const receiver = await newReceiver(behaviour);
  return newSender().send(post(receiver.url, overrides));
}

const text = (result: RequestResult): string =>
  result.kind === 'Response' ? Buffer.from(result.body).toString() : result.message;

const resolvingTo =
  (...addresses: readonly string[]): HostLookup =>
  (_, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

describe('what arrives', () => {
  test('method, path with query, headers and the exact bytes of the body', async () => {
    const receiver = await newReceiver();
    const body = Buffer.from([0, 255, 10, 13, 34]);
    await newSender().send(post(`${receiver.url}/hooks/a%20b?from=team-a&x=%2F`, { body }));
    expect(receiver.requests).toMatchObject([
      { method: 'POST', path: '/hooks/a%20b?from=team-a&x=%2F', eventID: 'evt-1', body },
    ]);
    expect(receiver.requests[0]?.headers).toMatchObject({
      'content-length': '5',
      'content-type': 'application/json',
      host: `127.0.0.1:${receiver.port}`,
    });
  });

  test('Host and SNI keep the name that resolves to the checked address', async () => {
    const authority = createAuthority();
    const receiver = await newReceiver(undefined, { tls: authority.issue({ hosts: ['crm.example.com'] }) });
    const agents = createAgentPool({ lookup: resolvingTo('127.0.0.1') });
    cleanups.push(() => agents.close());
    const trusting = {
      ...agents,
      get: (profile: Parameters<typeof agents.get>[0]) =>
        agents.get({ ...profile, tls: { key: 'test', options: { ca: authority.cert } } }),
    };
    const sender = createHTTPSender({ agents: trusting });
    const result = await sender.send(post(`https://crm.example.com:${receiver.port}/`));
    expect(result).toMatchObject({ kind: 'Response', statusCode: 200 });
    expect(receiver.requests[0]?.headers['host']).toBe(`crm.example.com:${receiver.port}`);
  });

  test('OPTIONS without a body', async () => {
    const receiver = await newReceiver({ kind: 'handshake' });
    const headers = ['webhook-request-origin', 'webhook-operator.dev'];
    const result = await newSender().send(post(receiver.url, { method: 'OPTIONS', body: undefined, headers }));
    expect(result).toMatchObject({ headers: { 'webhook-allowed-origin': 'webhook-operator.dev' } });
    expect(receiver.requests).toMatchObject([{ method: 'OPTIONS', path: '/', body: Buffer.alloc(0) }]);
  });
});

describe('a 2xx in time is success, whatever the body does', () => {
  const rows: readonly { readonly name: string; readonly behaviour: Behaviour; readonly statusCode: number }[] = [
    { name: 'a body', behaviour: { kind: 'respond', body: 'thanks' }, statusCode: 200 },
    { name: 'no content', behaviour: { kind: 'respond', status: 204 }, statusCode: 204 },
    { name: 'a large body', behaviour: { kind: 'respond', body: 'x'.repeat(10_000_000) }, statusCode: 200 },
    { name: 'an endless body', behaviour: { kind: 'endlessBody' }, statusCode: 200 },
    { name: 'a dripping body', behaviour: { kind: 'dripBody', intervalMs: 300 }, statusCode: 200 },
    { name: 'a reset in the body', behaviour: { kind: 'resetInBody', bytes: 10 }, statusCode: 200 },
    {
      name: 'an unfinished body',
      behaviour: { kind: 'raw', bytes: 'HTTP/1.1 202 Accepted\r\ncontent-length: 9\r\n\r\nx' },
      statusCode: 202,
    },
    {
      name: 'interim responses before it',
      behaviour: { kind: 'respond', status: 201, informational: [102, 103] },
      statusCode: 201,
    },
    { name: 'a delay below the deadline', behaviour: { kind: 'respond', delayMs: 200 }, statusCode: 200 },
  ];
  test.each(rows)('$name', async ({ behaviour, statusCode }) => {
    const result = await sendTo(behaviour);
    expect(result).toMatchObject({ kind: 'Response', statusCode, body: new Uint8Array(0) });
    expect(result.durationMs).toBeLessThan(1000);
  });

  test.each<Behaviour>([{ kind: 'endlessBody' }, { kind: 'dripBody', intervalMs: 50 }])(
    'the connection of a body that does not end ($kind) is cut soon after',
    async (behaviour) => {
      const receiver = await newReceiver(behaviour);
      await newSender().send(post(receiver.url));
      await expect.poll(() => receiver.openConnections, { timeout: 2000 }).toBe(0);
    },
  );

  test('the body is kept when it is asked for', async () => {
    const result = await sendTo({ kind: 'respond', body: '{"challenge":"x"}' }, { maxResponseBytes: 100 });
    expect(text(result)).toBe('{"challenge":"x"}');
    expect(result).not.toHaveProperty('incomplete');
  });

  test.each<[string, Behaviour, string]>([
    ['Limit', { kind: 'endlessBody' }, 'xxxxx'],
    ['Timeout', { kind: 'dripBody', intervalMs: 100 }, 'x'],
    ['Reset', { kind: 'resetInBody', bytes: 3 }, 'xxx'],
  ])('a body that is asked for and incomplete says so: %s', async (incomplete, behaviour, start) => {
    const result = await sendTo(behaviour, { maxResponseBytes: 5, totalTimeoutMs: 400 });
    expect(result).toMatchObject({ kind: 'Response', statusCode: 200, incomplete });
    expect(text(result).startsWith(start)).toBe(true);
  });
});

describe('other responses come with the first bytes of their body', () => {
  test.each([300, 301, 302, 307, 308, 400, 404, 410, 429, 500, 503])('%i', async (status) => {
    const headers = { location: '/elsewhere', 'retry-after': '7' };
    const receiver = await newReceiver({ kind: 'respond', status, headers, body: 'no' });
    const result = await newSender().send(post(receiver.url));
    expect(result).toMatchObject({ kind: 'Response', statusCode: status, headers });
    expect(text(result)).toBe('no');
    expect(receiver.requests).toHaveLength(1);
  });

  test('4096 bytes unless the request says otherwise', async () => {
    const behaviour: Behaviour = { kind: 'respond', status: 500, body: 'y'.repeat(100_000) };
    expect(await sendTo(behaviour)).toMatchObject({ body: { byteLength: 4096 }, incomplete: 'Limit' });
    expect(await sendTo(behaviour, { maxResponseBytes: 10 })).toMatchObject({ body: { byteLength: 10 } });
  });

  test('a body of exactly the limit is complete', async () => {
    const result = await sendTo({ kind: 'respond', status: 500, body: 'y'.repeat(4096) });
    expect(result).toMatchObject({ body: { byteLength: 4096 } });
    expect(result).not.toHaveProperty('incomplete');
  });

  test('a byte every 300 ms is cut at the deadline and still a 500', async () => {
    const result = await sendTo({ kind: 'dripBody', status: 500, intervalMs: 300 }, { totalTimeoutMs: 800 });
    expect(result).toMatchObject({ kind: 'Response', statusCode: 500, incomplete: 'Timeout' });
    expect(text(result)).toBe('xx');
    expect(result.durationMs).toBeGreaterThanOrEqual(800);
    expect(result.durationMs).toBeLessThan(1500);
  });

  test('a reset in the body of a 500 is still a 500', async () => {
    const result = await sendTo({ kind: 'resetInBody', status: 500, bytes: 4 });
    expect(result).toMatchObject({ kind: 'Response', statusCode: 500, incomplete: 'Reset' });
  });

  test('several values of a header are joined', async () => {
    const bytes = 'HTTP/1.1 500 No\r\nx-a: 1\r\nx-a: 2\r\nset-cookie: a\r\nset-cookie: b\r\ncontent-length: 0\r\n\r\n';
    expect(await sendTo({ kind: 'raw', bytes })).toMatchObject({ headers: { 'x-a': '1, 2', 'set-cookie': 'a, b' } });
  });
});

describe('no response', () => {
  test('a receiver that never answers', async () => {
    const result = await sendTo({ kind: 'hang' }, { totalTimeoutMs: 300 });
    expect(result).toMatchObject({ kind: 'Error', reason: 'Timeout' });
    expect(text(result)).toContain('within 0.3 s');
    expect(result.durationMs).toBeGreaterThanOrEqual(300);
    expect(result.durationMs).toBeLessThan(900);
  });

  test('response headers that drip', async () => {
    const result = await sendTo({ kind: 'dripHeaders', intervalMs: 50 }, { totalTimeoutMs: 300 });
    expect(result).toMatchObject({ kind: 'Error', reason: 'Timeout' });
    expect(text(result)).toContain('did not finish its response headers');
  });

  test('a half-open connection: it was accepted by the kernel and nobody reads', async () => {
    const server = createServer({ pauseOnConnect: true }, () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const body = Buffer.alloc(20_000_000);
    const result = await newSender().send(post(`http://127.0.0.1:${port}/`, { body, totalTimeoutMs: 300 }));
    expect(result).toMatchObject({ kind: 'Error', reason: 'Timeout' });
    server.close();
  });

  test('a handshake that takes longer than the connect timeout', async () => {
    const server = createServer((socket) => socket.on('error', () => socket.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const sender = newSender();
    const result = await sender.send(post(`https://127.0.0.1:${port}/`, { connectTimeoutMs: 200 }));
    expect(result).toMatchObject({ kind: 'Error', reason: 'Timeout' });
    expect(text(result)).toContain(`no connection to 127.0.0.1:${port} within 0.2 s`);
    expect(result.durationMs).toBeLessThan(800);
    server.close();
  });

  test('nothing listens', async () => {
    const receiver = await newReceiver();
    await receiver.close();
    const result = await newSender().send(post(receiver.url));
    expect(result).toMatchObject({ kind: 'Error', reason: 'ConnectionRefused' });
    expect(text(result)).toContain(`127.0.0.1:${receiver.port} refused`);
  });

  test('nothing listens on any address of a name', async () => {
    const receiver = await newReceiver();
    await receiver.close();
    const sender = newSender({ lookup: resolvingTo('127.0.0.1', '127.0.0.2') });
    const result = await sender.send(post(`http://two.example:${receiver.port}/`));
    expect(result).toMatchObject({ kind: 'Error', reason: 'ConnectionRefused' });
  });

  test.each<Behaviour>([{ kind: 'reset' }, { kind: 'closeWithoutAnswer' }])('$kind', async (behaviour) => {
    const receiver = await newReceiver(behaviour);
    const result = await newSender().send(post(receiver.url));
    expect(result).toMatchObject({ kind: 'Error', reason: 'ConnectionReset' });
    expect(receiver.requests).toHaveLength(1);
  });

  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['headers over 16 KiB', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`],
    ['a broken header', 'HTTP/1.1 200 OK\r\nx y: z\r\n\r\n'],
    // undici refuses it, where RFC 9110 (15.2) would have it ignored like other interim responses.
    ['a 100 Continue nobody asked for', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'],
    ['an upgrade nobody asked for', 'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
  ])('%s', async (_, bytes) => {
    expect(await sendTo({ kind: 'raw', bytes })).toMatchObject({ kind: 'Error', reason: 'InvalidResponse' });
  });

  test('a name that does not exist', async () => {
    const result = await newSender().send(post('http://receiver.invalid/'));
    expect(result).toMatchObject({ kind: 'Error', reason: 'DNSError' });
    expect(text(result)).toContain('the name receiver.invalid ');
  });
});

describe('TLS', () => {
  const faults = [
    {
      name: 'self-signed',
      certificate: () => selfSigned({ hosts: ['127.0.0.1'] }),
      says: 'not signed by an authority',
    },
    {
      name: 'unknown authority',
      certificate: () => createAuthority().issue({ hosts: ['127.0.0.1'] }),
      says: 'not signed by an authority',
    },
  ];
  test.each(faults)('$name', async ({ certificate, says }) => {
    const receiver = await newReceiver(undefined, { tls: certificate() });
    const result = await newSender().send(post(receiver.url));
    expect(result).toMatchObject({ kind: 'Error', reason: 'TLSError' });
    expect(text(result)).toContain(says);
    expect(receiver.requests).toHaveLength(0);
  });

  const ofTrusted = [
    { name: 'expired', request: { hosts: ['127.0.0.1'], notAfter: new Date(Date.now() - 1000) }, says: 'expired' },
    { name: 'another name', request: { hosts: ['other.example'] }, says: 'another host name' },
  ];
  test.each(ofTrusted)('trusted but $name', async ({ request, says }) => {
    const authority = createAuthority();
    const receiver = await newReceiver(undefined, { tls: authority.issue(request) });
    const agents = createAgentPool();
    cleanups.push(() => agents.close());
    const tls = { key: 'test', options: { ca: authority.cert } };
    const sender = createHTTPSender({ agents: { ...agents, get: (profile) => agents.get({ ...profile, tls }) } });
    const result = await sender.send(post(receiver.url));
    expect(result).toMatchObject({ kind: 'Error', reason: 'TLSError' });
    expect(text(result)).toContain(says);
  });

  test('a port that does not speak TLS', async () => {
    const server = createServer((socket) => socket.on('error', () => socket.destroy()).end('HTTP/1.1 400 No\r\n\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const result = await newSender().send(post(`https://127.0.0.1:${port}/`));
    expect(result).toMatchObject({ kind: 'Error', reason: 'TLSError' });
    expect(text(result)).toContain('does not speak TLS');
    server.close();
  });

  test('a port that does speak TLS, reached without it', async () => {
    const receiver = await newReceiver(undefined, { tls: selfSigned({ hosts: ['127.0.0.1'] }) });
    const result = await newSender().send(post(receiver.url.replace('https:', 'http:')));
    expect(result).toMatchObject({ kind: 'Error' });
  });
});

describe('what is not sent at all', () => {
  test.each(['127.0.0.1', '127.1', '2130706433', '0177.0.0.1', '0x7f.0.0.1', '[::ffff:127.0.0.1]', 'localhost'])(
    'a blocked address: %s',
    async (host) => {
      const receiver = await newReceiver();
      const result = await newSender().send(post(`http://${host}:${receiver.port}/`, { allowedCIDRs: [] }));
      expect(result).toMatchObject({ kind: 'Error', reason: 'AddressBlocked' });
      expect(receiver.connectionCount).toBe(0);
    },
  );

  test('a request to a name that was rebound to a blocked address', async () => {
    const receiver = await newReceiver({ kind: 'respond', closeConnection: true });
    let answer = '127.0.0.1';
    const sender = newSender({ lookup: (hostname, callback) => resolvingTo(answer)(hostname, callback) });
    const request = post(`http://rebind.example:${receiver.port}/`, { allowedCIDRs: ['127.0.0.1/32'] });
    expect(await sender.send(request)).toMatchObject({ kind: 'Response' });
    answer = '127.0.0.2';
    expect(await sender.send(request)).toMatchObject({ kind: 'Error', reason: 'AddressBlocked' });
    expect(receiver.requests).toHaveLength(1);
  });

  test('another policy does not get the connection that a more generous one has opened', async () => {
    const receiver = await newReceiver();
    const sender = newSender();
    expect(await sender.send(post(receiver.url))).toMatchObject({ kind: 'Response' });
    expect(await sender.send(post(receiver.url, { allowedCIDRs: [] }))).toMatchObject({ reason: 'AddressBlocked' });
  });

  test.each([
    '',
    'nonsense',
    'ftp://example.com/',
    'http://',
    'http://user:secret@example.com/',
    'http://token@example.com/',
  ])('an unusable URL: %j', async (url) => {
    const result = await newSender().send(post(url));
    expect(result).toMatchObject({ kind: 'Error', reason: 'PayloadInvalid' });
    expect(text(result)).not.toContain('secret');
  });

  test.each([
    ['x-a', 'line\r\nbreak-secret'],
    ['x a', 'secret'],
    ['expect', 'secret'],
  ])('a header that HTTP does not allow: %s', async (name, value) => {
    const receiver = await newReceiver();
    const result = await newSender().send(post(receiver.url, { headers: [name, value] }));
    expect(result).toMatchObject({ kind: 'Error', reason: 'PayloadInvalid' });
    expect(text(result)).not.toContain('secret');
    expect(receiver.requests).toHaveLength(0);
  });
});

describe('messages', () => {
  test('never hold path, query or header values', async () => {
    const refused = await newReceiver();
    await refused.close();
    const hanging = await newReceiver({ kind: 'hang' });
    const sender = newSender();
    for (const base of [refused.url, hanging.url, 'http://receiver.invalid', 'http://10.0.0.1']) {
      const request = post(`${base}/path-secret?query-secret`, {
        headers: ['authorization', 'header-secret'],
        totalTimeoutMs: 200,
      });
      const result = await sender.send(request);
      expect(result.kind).toBe('Error');
      expect(text(result)).not.toContain('secret');
    }
  });
});
