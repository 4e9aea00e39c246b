import { createSecretKey } from 'node:crypto';
import * as fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, test } from 'vitest';
import { type Receiver, startReceiver } from '../../test/receivers/receiver.ts';
import { createAgentPool } from '../net/agents.ts';
import type { OutgoingRequest, RequestResult, Sender } from './attempt.ts';
import { createHTTPSender } from './http-sender.ts';
import { challengeRequest, handshakeRequest, judgeChallenge, judgeHandshake, verify } from './verification.ts';
import type { Target } from './webhook-config.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const token = 'q3hBvJ0pZ5m2T8sX1cYw7dNfKe9gLuR4oIaVtHxQbEk';

function target(url = 'https://crm.example.com/hooks', overrides: Partial<Target> = {}): Target {
  return {
    url,
    urlHash: `sha256:${'ab'.repeat(32)}`,
    headers: [['Authorization', 'Bearer header-secret']],
    secretValues: ['header-secret'],
    signingKeys: [],
    signingScheme: 'StandardWebhooks',
    payloadFormat: 'Raw',
    network: { allowedCIDRs: ['127.0.0.0/8'] },
    ...overrides,
  };
}

function response(body: string | Uint8Array, overrides: Partial<Extract<RequestResult, { kind: 'Response' }>> = {}) {
  return {
    kind: 'Response',
    statusCode: 200,
    headers: {},
    body: Buffer.from(body),
    durationMs: 1,
    ...overrides,
  } as const;
}

/** Remembers what it is given and answers the same each time. */
function answering(result: RequestResult): Sender & { readonly sent: OutgoingRequest[] } {
  const sent: OutgoingRequest[] = [];
  return {
    sent,
    send: (request) => {
      sent.push(request);
      return Promise.resolve(result);
    },
  };
}

function header(request: OutgoingRequest, name: string): string | undefined {
  const index = request.headers.findIndex((value, at) => at % 2 === 0 && value.toLowerCase() === name);
  return index === -1 ? undefined : request.headers[index + 1];
}

describe('the answer to a challenge', () => {
  test.each([
    ['the token', `{"challenge":"${token}"}`],
    ['white space around it', ` {\n "challenge" : "${token}" }\n`],
    ['other members', `{"ok":true,"challenge":"${token}","version":2}`],
    ['a byte order mark', `\ufeff{"challenge":"${token}"}`],
    ['an escaped spelling of it', `{"challenge":"\\u0071${token.slice(1)}"}`],
  ])('verifies: %s', (_, body) => {
    expect(judgeChallenge(response(body), token, [])).toEqual({ ok: true, reason: 'ChallengeAnswered' });
  });

  test('any 2xx will do', () => {
    for (const statusCode of [200, 201, 202, 299]) {
      expect(judgeChallenge(response(`{"challenge":"${token}"}`, { statusCode }), token, [])).toMatchObject({
        ok: true,
      });
    }
  });

  test.each([
    ['text before it', `{"challenge":"token=${token}"}`],
    ['text after it', `{"challenge":"${token}\\n"}`],
    ['another case', `{"challenge":"${token.toUpperCase()}"}`],
    ['a part of it', `{"challenge":"${token.slice(1)}"}`],
    ['an empty value', '{"challenge":""}'],
    ['an array that holds it', `{"challenge":["${token}"]}`],
    ['another member', `{"token":"${token}"}`],
    ['another spelling of the member', `{"Challenge":"${token}"}`],
    ['only a JSON string', `"${token}"`],
    ['null', 'null'],
    ['a list', `["${token}"]`],
    ['the token in a prototype', `{"__proto__":{"challenge":"${token}"}}`],
  ])('is a mismatch: %s', (_, body) => {
    expect(judgeChallenge(response(body), token, [])).toMatchObject({ ok: false, reason: 'ChallengeMismatch' });
  });

  test('only the exact token ever verifies', () => {
    fc.assert(
      fc.property(fc.string(), (challenge) => {
        expect(judgeChallenge(response(JSON.stringify({ challenge })), token, []).ok).toBe(challenge === token);
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['the bare token', token],
    ['a form', `challenge=${token}`],
    ['JSON with text around it', `ok {"challenge":"${token}"}`],
    ['a page', '<html></html>'],
  ])('is no JSON: %s', (_, body) => {
    const result = judgeChallenge(response(body), token, []);
    expect(result).toMatchObject({ ok: false, reason: 'InvalidResponse' });
    expect(JSON.stringify(result)).not.toContain(token);
  });

  test('bytes that are no UTF-8 are no JSON', () => {
    const body = Buffer.concat([Buffer.from('{"challenge":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(judgeChallenge(response(body), token, [])).toMatchObject({ reason: 'InvalidResponse' });
  });

  test.each([
    ['Limit', 'InvalidResponse'],
    ['Timeout', 'Timeout'],
    ['Reset', 'ConnectionFailed'],
  ] as const)('is not looked at when its body is incomplete: %s', (incomplete, reason) => {
    expect(judgeChallenge(response(`{"challenge":"${token}"}`, { incomplete }), token, [])).toMatchObject({ reason });
  });
});

describe('other answers', () => {
  const judges = { challenge: judgeChallenge, handshake: judgeHandshake };

  test.each([300, 301, 302, 304, 307, 308, 400, 401, 404, 410, 429, 500, 503])(
    'HTTP %i never verifies',
    (statusCode) => {
      const headers = { 'webhook-allowed-origin': '*', location: 'https://crm.example.com/new?key=query-secret#x' };
      for (const judge of Object.values(judges)) {
        const result = judge(response(`{"challenge":"${token}"}`, { statusCode, headers }), token, ['header-secret']);
        expect(result).toMatchObject({ ok: false, reason: 'HTTPStatus' });
        expect(JSON.stringify(result)).toContain(`HTTP ${statusCode}`);
        expect(JSON.stringify(result)).not.toContain('query-secret');
      }
    },
  );

  test('a redirect names where it leads', () => {
    const result = judgeChallenge(response('', { statusCode: 301, headers: { location: '/new' } }), token, []);
    expect(result).toMatchObject({ message: expect.stringMatching(/redirects are not followed.*"\/new"/) });
    const bare = judgeChallenge(response('', { statusCode: 301 }), token, []);
    expect(bare).toMatchObject({ message: 'HTTP 301 to the challenge: redirects are not followed, use the final URL' });
  });

  test('what the receiver says is quoted without our secrets', () => {
    const result = judgeChallenge(response('bad key header-secret', { statusCode: 401 }), token, ['header-secret']);
    expect(result).toMatchObject({ message: 'HTTP 401 to the challenge: "bad key ***"' });
  });

  test.each([
    ['Timeout', 'Timeout'],
    ['ConnectionRefused', 'ConnectionFailed'],
    ['ConnectionReset', 'ConnectionFailed'],
    ['ConnectionFailed', 'ConnectionFailed'],
    ['TLSError', 'TLSError'],
    ['DNSError', 'DNSError'],
    ['AddressBlocked', 'AddressBlocked'],
    ['InvalidResponse', 'InvalidResponse'],
    ['PayloadInvalid', 'ConnectionFailed'],
  ] as const)('%s fails as %s, with the message of the sender', (reason, expected) => {
    const error: RequestResult = { kind: 'Error', reason, message: 'what went wrong', durationMs: 1 };
    for (const judge of Object.values(judges)) {
      expect(judge(error, token, [])).toEqual({ ok: false, reason: expected, message: 'what went wrong' });
    }
  });
});

describe('the answer to a handshake', () => {
  const judge = (headers: Record<string, string>) =>
    judgeHandshake(response('', { headers }), 'webhook-operator.dev', []);

  test.each(['webhook-operator.dev', '*', ' * '])('verifies: %j', (origin) => {
    expect(judge({ 'webhook-allowed-origin': origin })).toEqual({ ok: true, reason: 'HandshakeAnswered' });
  });

  test.each([
    'other.dev',
    'webhook-operator.dev.evil.example',
    'WEBHOOK-OPERATOR.DEV',
    '*.dev',
    'other.dev, webhook-operator.dev',
  ])('is a mismatch: %j', (origin) => {
    expect(judge({ 'webhook-allowed-origin': origin })).toMatchObject({ reason: 'ChallengeMismatch' });
  });

  test('is invalid without the header', () => {
    expect(judge({})).toMatchObject({ reason: 'InvalidResponse' });
    expect(judge({ 'webhook-allowed-origin': '' })).toMatchObject({ reason: 'InvalidResponse' });
  });
});

describe('the requests', () => {
  test('a challenge carries the token, the user headers and a signature that verifies', () => {
    const secret = Buffer.from('0123456789abcdef0123456789abcdef');
    const signingKeys = [{ algorithm: 'hmac-sha256', key: createSecretKey(secret) }] as const;
    const request = challengeRequest(target(undefined, { signingKeys }), token, { sender: answering(response('')) });
    expect(request).toMatchObject({
      method: 'POST',
      totalTimeoutMs: 10_000,
      connectTimeoutMs: 5000,
      maxResponseBytes: 65_536,
    });
    const body = Buffer.from(request.body ?? []).toString();
    expect(body).toBe(`{"challenge":"${token}"}`);
    expect(header(request, 'content-type')).toBe('application/json');
    expect(header(request, 'authorization')).toBe('Bearer header-secret');
    const signed = {
      'webhook-id': header(request, 'webhook-id') ?? '',
      'webhook-timestamp': header(request, 'webhook-timestamp') ?? '',
      'webhook-signature': header(request, 'webhook-signature') ?? '',
    };
    expect(new Webhook(secret.toString('base64')).verify(body, signed)).toEqual({ challenge: token });
    expect(signed['webhook-id']).not.toContain(token);
  });

  test('nothing is signed without a key or with the scheme None', () => {
    const signingKeys = [{ algorithm: 'hmac-sha256', key: createSecretKey(Buffer.from('key')) }] as const;
    const options = { sender: answering(response('')) };
    for (const unsigned of [target(), target(undefined, { signingKeys, signingScheme: 'None' })]) {
      expect(header(challengeRequest(unsigned, token, options), 'webhook-signature')).toBeUndefined();
    }
  });

  test('a handshake carries the origin, the rate if wanted, and the user headers', () => {
    const options = { sender: answering(response('')), requestsPerMinute: 120, connectTimeoutMs: 700 };
    const request = handshakeRequest(target(), 'example.dev', options);
    expect(request).toMatchObject({ method: 'OPTIONS', body: undefined, connectTimeoutMs: 700 });
    expect(header(request, 'webhook-request-origin')).toBe('example.dev');
    expect(header(request, 'webhook-request-rate')).toBe('120');
    expect(header(request, 'authorization')).toBe('Bearer header-secret');
    expect(header(handshakeRequest(target(), 'x', { sender: options.sender }), 'webhook-request-rate')).toBeUndefined();
  });
});

describe('verify', () => {
  test('None asks nothing', async () => {
    const sender = answering(response(''));
    expect(await verify(target(), 'None', { sender })).toEqual({ ok: true, reason: 'NotRequired' });
    expect(sender.sent).toHaveLength(0);
  });

  test('the token is 32 random bytes, new at each try', async () => {
    const sender = answering(response('{}'));
    await verify(target(), 'Challenge', { sender });
    await verify(target(), 'Challenge', { sender });
    await verify(target(), 'Challenge', { sender, randomBytes: (size) => new Uint8Array(size).fill(255) });
    const tokens = sender.sent.map(
      ({ body }) => (JSON.parse(Buffer.from(body ?? []).toString()) as { challenge: string }).challenge,
    );
    expect(new Set(tokens).size).toBe(3);
    expect(tokens[2]).toBe(Buffer.alloc(32, 255).toString('base64url'));
    for (const value of tokens) expect(value).toMatch(/^[\w-]{43}$/);
  });

  test.each(['Challenge', 'CloudEventsHandshake'] as const)('%s fails when a header cannot be sent', async (method) => {
    const sender = answering(response(''));
    const result = await verify(target(undefined, { headers: [['host', 'header-secret']] }), method, { sender });
    expect(result).toMatchObject({ ok: false, reason: 'ConnectionFailed' });
    expect(JSON.stringify(result)).not.toContain('header-secret');
    expect(sender.sent).toHaveLength(0);
  });
});

describe('against a real receiver', () => {
  async function start(): Promise<{ receiver: Receiver; sender: Sender }> {
    const receiver = await startReceiver();
    const agents = createAgentPool();
    cleanups.push(
      () => receiver.close(),
      () => agents.close(),
    );
    return { receiver, sender: createHTTPSender({ agents }) };
  }

  test('a challenge that is echoed verifies', async () => {
    const { receiver, sender } = await start();
    expect(await verify(target(receiver.url), 'Challenge', { sender })).toEqual({
      ok: true,
      reason: 'ChallengeAnswered',
    });
  });

  test('a handshake that is answered verifies', async () => {
    const { receiver, sender } = await start();
    receiver.answer({ kind: 'handshake' });
    const result = await verify(target(receiver.url), 'CloudEventsHandshake', { sender });
    expect(result).toEqual({ ok: true, reason: 'HandshakeAnswered' });
    expect(receiver.requests).toMatchObject([
      { method: 'OPTIONS', headers: { 'webhook-request-origin': 'webhook-operator.dev' } },
    ]);
  });

  test('an endless answer fails once 64 KiB are read', async () => {
    const { receiver, sender } = await start();
    receiver.answer({ kind: 'endlessBody' });
    const result = await verify(target(receiver.url), 'Challenge', { sender });
    expect(result).toMatchObject({ ok: false, reason: 'InvalidResponse' });
  });

  test('a redirect to an endpoint that would answer is not followed', async () => {
    const { receiver, sender } = await start();
    receiver.answerPath('/old', { kind: 'respond', status: 307, headers: { location: '/new' } });
    const result = await verify(target(`${receiver.url}/old`), 'Challenge', { sender });
    expect(result).toMatchObject({ ok: false, reason: 'HTTPStatus' });
    expect(receiver.requests).toHaveLength(1);
  });
});
