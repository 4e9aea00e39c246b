import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeRecord,
  encodeRecord,
  heldByReasons,
  isReference,
  producerHeadersOf,
  type DeliveryRecord,
  type EncodedRecord,
} from './delivery-record.ts';
import { recordHeaders } from './subjects.ts';

const maxPayload = 1024 * 1024;

/** As a message would come back: clients trim header values. */
function stored({ headers, data }: EncodedRecord) {
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.trim()]));
  return { data, header: (name: string) => lower.get(name.toLowerCase()) ?? '' };
}

const text = fc.string({ unit: 'binary' }).map((value) => value.toWellFormed());
const time = fc.integer({ min: 0, max: 4_102_444_800_000 });
const records: fc.Arbitrary<DeliveryRecord> = fc.record(
  {
    key: fc.stringMatching(/^[a-z0-9]{1,12}-[0-9]{1,9}$/),
    eventSequence: fc.nat(),
    eventID: text,
    eventType: text,
    storedAt: time,
    attempt: fc.integer({ min: 1, max: 1000 }),
    firstAttemptAt: time,
    dueAt: time,
    heldBy: fc.constantFrom(...heldByReasons),
    epoch: fc.nat(),
    scheduleID: fc.stringMatching(/^[A-Za-z0-9]{1,22}$/),
    last: fc.record(
      { statusCode: fc.integer({ min: 100, max: 599 }), reason: fc.stringMatching(/^[A-Z][A-Za-z]+$/), message: text },
      { requiredKeys: ['reason', 'message'] },
    ),
    producerHeaders: fc.dictionary(fc.string(), text),
    body: fc.uint8Array(),
  },
  { requiredKeys: ['key', 'eventSequence', 'eventID', 'eventType', 'storedAt', 'attempt', 'producerHeaders', 'body'] },
);

const minimal: DeliveryRecord = {
  key: 'k-1',
  eventSequence: 7,
  eventID: 'id',
  eventType: 'item.created',
  storedAt: 1,
  attempt: 1,
  producerHeaders: {},
  body: Buffer.from('x'),
};

describe('a record', () => {
  test('comes back as it was written, and every header is one printable line', () => {
    fc.assert(
      fc.property(records, (record) => {
        const encoded = encodeRecord(record, maxPayload);
        for (const value of Object.values(encoded.headers)) expect(value).toMatch(/^(?:[!-~](?:[ -~]*[!-~])?)?$/);
        expect(decodeRecord(stored(encoded))).toEqual(record);
      }),
    );
  });

  test('that is a reference comes back as one', () => {
    fc.assert(
      fc.property(records, fc.nat(), (record, reference) => {
        const referring = { ...record, body: { reference }, producerHeaders: {} };
        expect(decodeRecord(stored(encodeRecord(referring, maxPayload)))).toEqual(referring);
      }),
    );
  });

  test('has whole milliseconds', () => {
    const encoded = encodeRecord({ ...minimal, storedAt: 1.5, dueAt: 2.9, firstAttemptAt: 3.1 }, maxPayload);
    expect(decodeRecord(stored(encoded))).toMatchObject({ storedAt: 1, dueAt: 2, firstAttemptAt: 3 });
  });

  test('keeps a body up to 64 KiB below the payload limit, and refers to the event above it', () => {
    const limit = maxPayload - 64 * 1024;
    const fitting = encodeRecord({ ...minimal, body: new Uint8Array(limit - 2) }, maxPayload);
    expect(fitting.data.byteLength).toBe(limit - 2);
    const large = encodeRecord({ ...minimal, body: new Uint8Array(limit - 1) }, maxPayload);
    expect(large.data.byteLength).toBe(0);
    expect(decodeRecord(stored(large))).toEqual({ ...minimal, body: { reference: 7 } });
  });

  test('refers to the event when its headers do not fit', () => {
    const producerHeaders = { big: 'ü'.repeat(200_000) };
    const encoded = encodeRecord({ ...minimal, producerHeaders }, maxPayload);
    expect(decodeRecord(stored(encoded))).toEqual({ ...minimal, producerHeaders: {}, body: { reference: 7 } });
  });
});

describe('a message that is no record', () => {
  const encoded = encodeRecord({ ...minimal, last: { reason: 'Timeout', message: 'm' } }, maxPayload);
  const broken: [string, string][] = [
    [recordHeaders.key, ''],
    [recordHeaders.eventSequence, '-1'],
    [recordHeaders.eventSequence, '99999999999999999'],
    [recordHeaders.eventSequence, '9999999999999999'],
    [recordHeaders.storedAt, 'soon'],
    [recordHeaders.attempt, '0'],
    [recordHeaders.attempt, ''],
    [recordHeaders.eventID, '%E0%A4'],
    [recordHeaders.eventType, '%'],
    [recordHeaders.producerHeaders, '{'],
    [recordHeaders.producerHeaders, '[]'],
    [recordHeaders.producerHeaders, 'null'],
    [recordHeaders.producerHeaders, '{"a":1}'],
    [recordHeaders.reference, 'x'],
  ];
  test.for(broken)('is told by its %s "%s"', ([name, value]) => {
    expect(decodeRecord(stored({ ...encoded, headers: { ...encoded.headers, [name]: value } }))).toBeUndefined();
  });

  test('is only what lacks something needed: optional headers that make no sense are left out', () => {
    const headers = {
      ...encoded.headers,
      [recordHeaders.heldBy]: 'Unknown',
      [recordHeaders.dueAt]: 'x',
      [recordHeaders.epoch]: '1.5',
      [recordHeaders.lastMessage]: '%',
    };
    expect(decodeRecord(stored({ ...encoded, headers }))).toEqual({
      ...minimal,
      last: { reason: 'Timeout', message: '' },
    });
  });
});

test('the headers of a producer leave out those of the server and ours', () => {
  const headers = { 'ce-id': '1', 'Nats-Msg-Id': '2', 'nats-ttl': '1s', 'Webhook-Operator-Attempt': '9', Natsy: 'yes' };
  expect(producerHeadersOf({ headers: () => headers })).toEqual({ 'ce-id': '1', Natsy: 'yes' });
});

test('a reference is told from bytes', () => {
  expect(isReference({ reference: 1 })).toBe(true);
  expect(isReference(new Uint8Array(1))).toBe(false);
});
