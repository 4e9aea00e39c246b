import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { producerHeaders } from './event.fixture.ts';
import { PayloadInvalidError } from './payload.ts';
import { buildHeaders, headerProblem, isForbiddenHeader, userAgent, type HeaderInput } from './request-headers.ts';
import type { Target } from './webhook-config.ts';

interface Given {
  readonly user?: Target['headers'];
  readonly producer?: Record<string, string>;
  readonly extraHeaders?: readonly string[];
  readonly type?: string;
  readonly signature?: string;
}

function input({ user = [], producer = {}, extraHeaders = [], type = 'item.created', signature }: Given): HeaderInput {
  return {
    target: { headers: user },
    event: { id: 'evt-1', type, producer: producerHeaders(producer) },
    payload: { contentType: 'application/json', extraHeaders },
    attempt: 3,
    timestampSeconds: 1_767_225_600,
    ...(signature === undefined ? {} : { signature }),
  };
}
function pairs(given: Given): [string, string][] {
  const flat = buildHeaders(input(given));
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[index * 2] ?? '', flat[index * 2 + 1] ?? '']);
}

const ours: [string, string][] = [
  ['content-type', 'application/json'],
  ['user-agent', userAgent],
  ['webhook-id', 'evt-1'],
  ['webhook-event-type', 'item.created'],
  ['webhook-attempt', '3'],
  ['webhook-timestamp', '1767225600'],
];

describe('the headers of a request', () => {
  test('tell what it is', () => {
    expect(pairs({})).toEqual(ours);
    expect(userAgent).toMatch(/^webhook-operator\/\d+\.\d+\.\d+/);
  });

  test('hold the signature where there is one', () => {
    expect(pairs({ signature: 'v1,abc' })).toEqual([...ours, ['webhook-signature', 'v1,abc']]);
  });

  test('pass the trace on', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect(pairs({ producer: { Traceparent: traceparent } })).toEqual([...ours, ['traceparent', traceparent]]);
    expect(pairs({ producer: { traceparent: 'bad\u0000' } })).toEqual(ours);
  });

  test('end with the format’s and the user’s, in order, repeated ones too', () => {
    const user: Target['headers'] = [
      ['X-Team', 'a'],
      ['x-team', 'b'],
    ];
    expect(pairs({ user, extraHeaders: ['ce-id', '1'] })).toEqual([...ours, ['ce-id', '1'], ...user]);
  });

  test('are the same for the next request to the same target', () => {
    const given = input({ user: [['X-Team', 'a']] });
    expect(buildHeaders(given)).toEqual(buildHeaders(given));
  });

  test('give way to the user’s where the user may set them, without duplicates', () => {
    const user: Target['headers'] = [
      ['Content-Type', 'text/x'],
      ['USER-AGENT', 'me'],
      ['TraceParent', 't'],
      ['CE-Source', 's'],
    ];
    const given = { user, producer: { traceparent: 'other' }, extraHeaders: ['ce-id', '1', 'ce-source', 'other'] };
    expect(pairs(given)).toEqual([...ours.slice(2), ['ce-id', '1'], ...user]);
  });

  test.each([
    ['größe.漢', 'gr%C3%B6%C3%9Fe.%E6%BC%A2'],
    ['größe', 'gr%C3%B6%C3%9Fe'],
    ['a%e', 'a%e'],
  ])('show the event type %s as %s', (type, expected) => {
    expect(pairs({ type })[3]).toEqual(['webhook-event-type', expected]);
  });

  test.each([
    ['a', 'x\ny'],
    ['Webhook-Id', '1'],
    ['a b', '1'],
  ])('with the user’s %s: %j can not be built', (name, value) => {
    const given = input({ user: [[name, value]] });
    // Twice: the outcome of the first check must not be taken for a good one.
    expect(() => buildHeaders(given)).toThrow(PayloadInvalidError);
    expect(() => buildHeaders(given)).toThrow(/^The request can't be built: /);
  });
});

describe('a header of the user', () => {
  test.each([
    'Host',
    'content-length',
    'Connection',
    'TE',
    'Transfer-Encoding',
    'Upgrade',
    'Keep-Alive',
    'Trailer',
    'Proxy-Authorization',
    'Expect',
    'webhook-id',
    'Webhook-Anything',
  ])('must not be %s', (name) => {
    expect(isForbiddenHeader(name)).toBe(true);
    expect(headerProblem(name, 'x')).toBe(`header ${name} is set by the operator or by the connection`);
  });

  test.each(['Authorization', 'X-Webhook-Id', 'content-type', 'user-agent', 'webhook'])('may be %s', (name) => {
    expect(isForbiddenHeader(name)).toBe(false);
    expect(headerProblem(name, 'x')).toBeUndefined();
  });

  test('must have a name and a value that can be sent; the problem does not show the value', () => {
    expect(headerProblem('a b', 'x')).toBe('"a b" is not a header name');
    expect(headerProblem('A', 'sec\nret')).toBe(
      "the value of header A has characters that a header can't hold, or spaces around it",
    );
  });
});

test('a request has each of our headers once, whatever the user sets', () => {
  const name = fc.oneof(
    fc.constantFrom('Content-Type', 'user-agent', 'traceparent', 'ce-id', 'X-A'),
    fc.stringMatching(/^[A-Za-z-]{1,10}$/),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.stringMatching(/^[a-z]{0,5}$/)), { maxLength: 6 }), (user) => {
      fc.pre(user.every(([header]) => !isForbiddenHeader(header)));
      const given = { user, producer: { traceparent: 't' }, extraHeaders: ['ce-id', '1'], signature: 's' };
      const names = pairs(given).map(([header]) => header.toLowerCase());
      const users = user.map(([header]) => header.toLowerCase());
      for (const header of ['content-type', 'user-agent', 'traceparent', 'ce-id', 'webhook-id', 'webhook-signature']) {
        const expected = Math.max(1, users.filter((other) => other === header).length);
        expect(names.filter((other) => other === header)).toHaveLength(expected);
      }
    }),
  );
});
