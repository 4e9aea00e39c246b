import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { deliveryEvent } from './event.fixture.ts';
import { PayloadInvalidError, buildPayload, type Payload } from './payload.ts';
import type { PayloadFormat } from './webhook-config.ts';

const text = (payload: Payload) => Buffer.from(payload.body).toString('utf8');
const envelopes: readonly PayloadFormat[] = ['Event', 'StandardWebhooks', 'CloudEventsStructured'];
const formats: readonly PayloadFormat[] = [...envelopes, 'Raw', 'CloudEventsBinary'];

describe('Raw', () => {
  test('sends the bytes themselves', () => {
    const event = deliveryEvent(Uint8Array.of(0, 255, 1));
    expect(buildPayload('Raw', event)).toEqual({ body: event.data, contentType: 'application/json', extraHeaders: [] });
    expect(buildPayload('Raw', event).body).toBe(event.data);
  });

  test.each([
    ['content-type', { 'Content-Type': 'text/plain' }, 'text/plain'],
    ['ce-datacontenttype', { 'ce-datacontenttype': 'text/csv' }, 'text/csv'],
    ['content-type before ce-datacontenttype', { 'content-type': 'a/b', 'ce-datacontenttype': 'c/d' }, 'a/b'],
    ['the default where it could not be sent', { 'content-type': 'a/漢' }, 'application/json'],
  ])('has the type that the event gives: %s', (_, headers, expected) => {
    expect(buildPayload('Raw', deliveryEvent('x', headers)).contentType).toBe(expected);
  });
});

describe('Event', () => {
  test('wraps the data, whose numbers keep their digits', () => {
    const payload = buildPayload('Event', deliveryEvent('{"n": 1.0, "big":12345678901234567890, "e":1E5}'));
    expect(text(payload)).toBe('{"event":{"n": 1.0, "big":12345678901234567890, "e":1E5}}');
    expect(payload.contentType).toBe('application/json');
    expect(payload.extraHeaders).toEqual([]);
  });
});

describe('StandardWebhooks', () => {
  test('gives type, time of storage and data', () => {
    expect(text(buildPayload('StandardWebhooks', deliveryEvent('[1]')))).toBe(
      '{"type":"item.created","timestamp":"2026-01-01T12:00:00.005Z","data":[1]}',
    );
  });

  test('escapes the type', () => {
    const payload = buildPayload('StandardWebhooks', deliveryEvent('1', {}, { type: 'a"b' }));
    expect(JSON.parse(text(payload))).toMatchObject({ type: 'a"b', data: 1 });
  });
});

describe('an envelope around data that is no JSON', () => {
  test.each(
    envelopes.flatMap((format) =>
      [
        ['text', 'hello'],
        ['nothing', ''],
        ['two values', '1 2'],
        ['something that would break out', '1},{"a":1'],
        ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
        ['a byte order mark', '\ufeff{}'],
      ].map(([what, data]) => [format, what as string, data as string | Uint8Array] as const),
    ),
  )('%s refuses %s', (format, _, data) => {
    expect(() => buildPayload(format, deliveryEvent(data))).toThrow(PayloadInvalidError);
    expect(() => buildPayload(format, deliveryEvent(data))).toThrow(/^The event's data is not JSON: /);
  });

  test('has a stable code', () => {
    expect(new PayloadInvalidError('x').code).toBe('WHO_PAYLOAD_INVALID');
  });
});

test('every format sends the same bytes on each attempt', () => {
  for (const format of formats) {
    const event = deliveryEvent('{"a":1}', { 'ce-subject': 'x' });
    expect(buildPayload(format, event)).toEqual(buildPayload(format, event));
  }
});

test('the data of an envelope is the data of the event', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), (value, type) => {
      const event = deliveryEvent(JSON.stringify(value), {}, { type });
      const parsed = envelopes.map(
        (format) => JSON.parse(text(buildPayload(format, event))) as Record<string, unknown>,
      );
      const expected = JSON.parse(JSON.stringify(value)) as unknown;
      expect(parsed[0]?.['event']).toEqual(expected);
      expect(parsed[1]).toMatchObject({ type, data: expected });
      expect(parsed[2]).toMatchObject({ type, data: expected });
    }),
  );
});
