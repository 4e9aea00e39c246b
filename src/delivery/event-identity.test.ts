import { createHash } from 'node:crypto';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { deliveryKey, eventID, parseEventSubject } from './event-identity.ts';

function message(headers: Record<string, string>) {
  const byLowerName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { header: (name: string) => byLowerName.get(name.toLowerCase()) ?? '' };
}
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('the event id', () => {
  test.each([
    ['Nats-Msg-Id wins', { 'Nats-Msg-Id': 'a-1', 'ce-id': 'b' }, 'a-1'],
    ['ce-id is next', { 'ce-id': 'order_1:2' }, 'order_1:2'],
    ['ce-id is found in any case', { 'CE-Id': 'b' }, 'b'],
    ['without any it is the delivery key', {}, 'key-1'],
    ['an empty header counts as absent', { 'Nats-Msg-Id': '', 'ce-id': 'b' }, 'b'],
    ['an id with a dot is hashed', { 'ce-id': 'a.b' }, sha256('a.b')],
    ['an id that is not ASCII is hashed as UTF-8', { 'ce-id': 'ü' }, sha256('ü')],
    ['a hashed Nats-Msg-Id does not fall through', { 'Nats-Msg-Id': 'a b', 'ce-id': 'good' }, sha256('a b')],
    ['128 characters fit', { 'ce-id': 'x'.repeat(128) }, 'x'.repeat(128)],
    ['129 characters are hashed', { 'ce-id': 'x'.repeat(129) }, sha256('x'.repeat(129))],
    ['a line feed at the end does not slip through', { 'ce-id': 'a\n' }, sha256('a\n')],
  ])('%s', (_, headers, expected) => {
    expect(eventID(message(headers), 'key-1')).toBe(expected);
  });

  test('always fits into a subject token and a header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (id) => {
        expect(eventID(message({ 'ce-id': id }), 'key-1')).toMatch(/^[A-Za-z0-9_:-]{1,128}$/);
      }),
    );
  });
});

describe('the delivery key', () => {
  // The first one here: nothing has been asked for before it.
  test.each(['', 'yesterday', '2025-13-45T99:00:00Z'])('is still made from the creation time "%s"', (created) => {
    expect(deliveryKey(created, 1)).toBe(`${sha256(created)}-1`);
  });

  test('of one stream differs by the sequence only', () => {
    expect(deliveryKey('1970-01-01T00:00:00.5Z', 1)).toBe(`${(500_000_000).toString(36)}-1`);
    expect(deliveryKey('1970-01-01T00:00:00.5Z', 2)).toBe(`${(500_000_000).toString(36)}-2`);
  });

  test('is the creation time in base 36 nanoseconds and the sequence', () => {
    const nanoseconds = 1_763_782_800_425_123_456n;
    expect(deliveryKey('2025-11-22T03:40:00.425123456Z', 7)).toBe(`${nanoseconds.toString(36)}-7`);
  });

  test('ends with the uid of a replay', () => {
    expect(deliveryKey('1970-01-01T00:00:01Z', 7, 'uid')).toBe(`${(1_000_000_000).toString(36)}-7-uid`);
  });

  test.each([
    ['no fraction', '1970-01-01T00:00:00Z', '0'],
    ['a short fraction', '1970-01-01T00:00:00.5Z', (500_000_000).toString(36)],
    ['one nanosecond', '1970-01-01T00:00:00.000000001Z', '1'],
    ['another zone', '1970-01-01T01:00:00+01:00', '0'],
  ])('takes a creation time with %s', (_, created, epoch) => {
    expect(deliveryKey(created, 1)).toBe(`${epoch}-1`);
  });

  test('differs for streams created a nanosecond apart', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 999_999_998n), fc.nat(), (fraction, sequence) => {
        const created = (nanoseconds: bigint) => `2026-01-01T00:00:00.${String(nanoseconds).padStart(9, '0')}Z`;
        expect(deliveryKey(created(fraction), sequence)).not.toBe(deliveryKey(created(fraction + 1n), sequence));
      }),
    );
  });
});

describe('an event subject', () => {
  test.each([
    ['events.9.shop.order.created', { partition: 9, source: 'shop', type: 'order.created' }],
    ['events.0.a.b', { partition: 0, source: 'a', type: 'b' }],
    ['events.12.a.webhook-operator.failing', { partition: 12, source: 'a', type: 'webhook-operator.failing' }],
  ])('%s is taken apart', (subject, expected) => {
    expect(parseEventSubject(subject)).toEqual(expected);
  });

  test.each([
    '',
    'events',
    'events.',
    'events.1',
    'events.1.a',
    'events.1.a.',
    'events.1..b',
    'events.x.a.b',
    'events..a.b',
    'retry.1.a.b',
    'events.999999.a.b',
  ])('"%s" is none', (subject) => {
    expect(parseEventSubject(subject)).toBeUndefined();
  });

  test('comes back as it was put together', () => {
    const token = fc.stringMatching(/^[a-z0-9_-]{1,8}$/);
    fc.assert(
      fc.property(fc.nat(99_999), token, fc.array(token, { minLength: 1, maxLength: 5 }), (partition, source, type) => {
        const subject = `events.${partition}.${source}.${type.join('.')}`;
        expect(parseEventSubject(subject)).toEqual({ partition, source, type: type.join('.') });
      }),
    );
  });
});
