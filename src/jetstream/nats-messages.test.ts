import { expect, test } from 'vitest';
import { LeaderMessage, parseAckSubject, parseHeaderBlock } from './nats-messages.ts';

test.for([
  '$JS.ACK.EVENTS.events-1.3.4711.900.1700000000123456789.5',
  '$JS.ACK._.hash.EVENTS.events-1.3.4711.900.1700000000123456789.5.token',
  '$JS.ACK.hub.hash.EVENTS.events-1.3.4711.900.1700000000123456789.5',
])('the numbers of %s are found', (subject) => {
  expect(parseAckSubject(subject)).toEqual({ deliveryCount: 3, sequence: 4711, timestamp: 1_700_000_000_123 });
});

test('headers are read line by line, a value may hold colons', () => {
  expect(parseHeaderBlock('NATS/1.0\r\na: 1\r\nB:x: y \r\nbroken\r\n\r\n')).toEqual([
    ['a', '1'],
    ['B', 'x: y'],
  ]);
  expect(parseHeaderBlock('')).toEqual([]);
});

test('a message of the leader is decoded; of a repeated header the first counts', () => {
  const message = new LeaderMessage({
    subject: 's',
    seq: 3,
    time: '2026-01-02T03:04:05.678901234Z',
    hdrs: Buffer.from('NATS/1.0\r\na: 1\r\na: 2\r\n\r\n').toString('base64'),
    data: Buffer.from('body').toString('base64'),
  });
  expect(message).toMatchObject({ subject: 's', sequence: 3, timestamp: Date.UTC(2026, 0, 2, 3, 4, 5, 678) });
  expect(message.header('A')).toBe('1');
  expect(message.headers()).toEqual({ a: '1' });
  expect(Buffer.from(message.data).toString()).toBe('body');
  const bare = new LeaderMessage({ subject: 's', seq: 1, time: '2026-01-02T03:04:05Z' });
  expect(bare.data.byteLength).toBe(0);
  expect(bare.headers()).toEqual({});
});
