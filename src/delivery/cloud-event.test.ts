import { describe, expect, test } from 'vitest';

import { deliveryEvent } from './event.fixture.ts';
import { buildPayload } from './payload.ts';

function structured(...given: Parameters<typeof deliveryEvent>): unknown {
  return JSON.parse(Buffer.from(buildPayload('CloudEventsStructured', deliveryEvent(...given)).body).toString('utf8'));
}
function binary(...given: Parameters<typeof deliveryEvent>): Record<string, string> {
  const flat = buildPayload('CloudEventsBinary', deliveryEvent(...given)).extraHeaders;
  const headers: Record<string, string> = {};
  for (let index = 0; index < flat.length; index += 2) headers[flat[index] ?? ''] = flat[index + 1] ?? '';
  return headers;
}

describe('a structured CloudEvent', () => {
  test('has the required attributes, also when the producer knows nothing of CloudEvents', () => {
    expect(structured('{"a":1}')).toEqual({
      specversion: '1.0',
      id: 'evt-1',
      source: 'team-a',
      type: 'item.created',
      time: '2026-01-01T12:00:00.005Z',
      datacontenttype: 'application/json',
      data: { a: 1 },
    });
  });

  test('takes over what the producer said, decoded', () => {
    const headers = {
      'CE-Id': '42',
      'ce-source': '/shop%20north',
      'ce-type': 'com.example.order',
      'ce-time': '2025-12-31T00:00:00Z',
      'ce-subject': '%E2%82%AC',
      'ce-dataschema': 'https://example.com/schema',
      'ce-datacontenttype': 'application/vnd.order+json',
      'x-other': 'y',
    };
    expect(structured('1', headers)).toEqual({
      specversion: '1.0',
      id: '42',
      source: '/shop north',
      type: 'com.example.order',
      time: '2025-12-31T00:00:00Z',
      subject: '€',
      dataschema: 'https://example.com/schema',
      datacontenttype: 'application/vnd.order+json',
      data: 1,
    });
  });

  test('leaves out what is no attribute', () => {
    const event = structured('1', {
      'ce-data': 'x',
      'ce-data_base64': 'x',
      'ce-': 'x',
      'ce-bad-name': 'x',
      'ce-empty': '',
    });
    expect(Object.keys(event as object)).toEqual([
      'specversion',
      'id',
      'source',
      'type',
      'time',
      'datacontenttype',
      'data',
    ]);
  });

  test.each(['application/json', 'APPLICATION/JSON; charset=utf-8', 'text/json', 'application/geo+json;x=y'])(
    'embeds %s as JSON',
    (contentType) => {
      expect(structured('{"a":1}', { 'content-type': contentType })).toMatchObject({ data: { a: 1 } });
    },
  );

  test.each(['text/plain', 'application/jsonish', 'application/json-seq', 'application/octet-stream'])(
    'carries %s in base64',
    (contentType) => {
      const event = structured(Uint8Array.of(1, 2, 255), { 'content-type': contentType });
      expect(event).toMatchObject({ datacontenttype: contentType, data_base64: 'AQL/' });
      expect(event).not.toHaveProperty('data');
    },
  );

  test('is announced by its own media type', () => {
    expect(buildPayload('CloudEventsStructured', deliveryEvent('1')).contentType).toBe(
      'application/cloudevents+json; charset=utf-8',
    );
  });

  test('encodes a source that is no URI reference', () => {
    expect(structured('1', {}, { source: 'a{b\ud800' })).toMatchObject({ source: 'a%7Bb%EF%BF%BD' });
  });
});

describe('a binary CloudEvent', () => {
  test('has the attributes in headers and the bytes as they are', () => {
    const event = deliveryEvent('not json', { 'content-type': 'text/plain' });
    expect(buildPayload('CloudEventsBinary', event)).toMatchObject({ body: event.data, contentType: 'text/plain' });
    expect(binary('not json')).toEqual({
      'ce-specversion': '1.0',
      'ce-id': 'evt-1',
      'ce-source': 'team-a',
      'ce-type': 'item.created',
      'ce-time': '2026-01-01T12:00:00.005Z',
    });
  });

  test('takes over what the producer said, the content type not among it', () => {
    const headers = { 'ce-id': 'a b', 'ce-ext1': '%E2%82%AC', 'ce-datacontenttype': 'text/csv', 'Nats-Msg-Id': 'x' };
    expect(binary('1', headers)).toEqual({
      'ce-specversion': '1.0',
      'ce-id': 'a%20b',
      'ce-source': 'team-a',
      'ce-type': 'item.created',
      'ce-time': '2026-01-01T12:00:00.005Z',
      'ce-ext1': '%E2%82%AC',
    });
  });
});

describe('an event that is a structured CloudEvent already', () => {
  test.each(['application/cloudevents+json', 'Application/CloudEvents+JSON; charset=utf-8', 'application/cloudevents'])(
    'stays as it is (%s)',
    (contentType) => {
      for (const format of ['CloudEventsStructured', 'CloudEventsBinary'] as const) {
        const event = deliveryEvent('{"specversion":"1.0"}', { 'content-type': contentType });
        expect(buildPayload(format, event)).toEqual({ body: event.data, contentType, extraHeaders: [] });
      }
    },
  );

  test('is told from similar types', () => {
    expect(structured('1', { 'content-type': 'application/cloudeventsx+json' })).toMatchObject({ data: 1 });
  });
});
