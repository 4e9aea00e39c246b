import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { patternProblem } from '../delivery/pattern.ts';
import { readWebhook } from './read-webhook.ts';
import { read, spec, webhookObject } from './webhook.fixture.ts';

test('A valid Webhook is read as it is', () => {
  const webhook = read({ status: { className: 'standard' } });
  expect(webhook).toMatchObject({
    metadata: { name: 'crm', namespace: 'team-a', generation: 3 },
    spec: { url: 'https://crm.example.com/hook' },
    patterns: ['item.created', 'order.>'],
    status: { className: 'standard' },
    problems: [],
  });
});

test('Of an invalid spec the valid members stay, and the others are named', () => {
  const webhook = read({
    spec: spec({ url: 'ftp://x', filter: 7, suspend: true, delivery: { ordered: true, concurrency: 'many' } }),
  });
  expect(webhook.spec).toEqual({
    className: 'standard',
    events: ['item.created', 'order.>'],
    suspend: true,
    delivery: { ordered: true },
  });
  expect(webhook.problems.map(({ field }) => field)).toEqual(['spec.url', 'spec.filter', 'spec.delivery.concurrency']);
});

test('An invalid pattern is left out and named, the valid ones match on', () => {
  const webhook = read({ spec: spec({ events: ['item.created', 'a..b', 5, 'item.created', '>'] }) });
  expect(webhook.patterns).toEqual(['item.created', '>']);
  expect(webhook.problems.map(({ field }) => field)).toContain('spec.events[1]');
});

test.each([undefined, null, 'x', [], { events: 'item' }])('A spec like %j has no patterns', (broken) => {
  const webhook = read({ spec: broken });
  expect(webhook.patterns).toEqual([]);
  expect(webhook.problems).not.toEqual([]);
});

test('The status of an invalid Webhook is read too', () => {
  expect(read({ spec: {}, status: { source: 'team-a' } }).status).toEqual({ source: 'team-a' });
  expect(read({ spec: {}, status: { source: 1 } }).status).toBeUndefined();
});

test.each([undefined, null, 1, {}, { metadata: {} }, { metadata: { name: 'x', uid: 'y' } }])(
  '%j is no Webhook',
  (object) => {
    expect(readWebhook(object)).toBeUndefined();
  },
);

test('Whatever stands in the spec, only valid patterns come out, each once, and something is said of the rest', () => {
  const pattern = fc.oneof(fc.constantFrom('a', 'a.*', 'a.>', '>.a', '', 'a b', '*'), fc.string(), fc.jsonValue());
  const events = fc.oneof(fc.array(pattern, { maxLength: 8 }), fc.jsonValue());
  fc.assert(
    fc.property(
      events,
      fc.dictionary(fc.constantFrom('url', 'filter', 'delivery', 'headers'), fc.jsonValue()),
      (list, rest) => {
        const webhook = readWebhook(webhookObject({ spec: spec({ ...rest, events: list }) }));
        const patterns = webhook?.patterns ?? [];
        expect(patterns.filter((each) => patternProblem(each) !== undefined)).toEqual([]);
        expect(new Set(patterns).size).toBe(patterns.length);
        const given: readonly unknown[] = Array.isArray(list) ? list : [];
        expect(given.length === patterns.length || webhook?.problems.length !== 0).toBe(true);
      },
    ),
  );
});
