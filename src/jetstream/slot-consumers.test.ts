import { expect, test } from 'vitest';
import { generationGroup, slotConsumerSpecs, startSequenceOf } from './slot-consumers.ts';
import { defaultStreamNames as names } from './subjects.ts';

test('the two consumers of a slot read its partition and its own due retries', () => {
  const specs = slotConsumerSpecs({ names, slot: 7, partition: 3, generation: 12, startSequence: 5 });
  expect(specs.events).toEqual({
    stream: 'EVENTS',
    durable: 'events-7',
    filterSubject: 'events.3.>',
    maxAckPending: 4096,
    pinnedGroup: 'gc',
    startSequence: 5,
  });
  expect(specs.retries).toEqual({
    stream: 'RETRIES',
    durable: 'retries-7',
    filterSubject: 'retry.due.7.>',
    maxAckPending: 4096,
    pinnedGroup: 'gc',
  });
});

test('the name of a group fits the 16 characters of the server for every generation', () => {
  expect(generationGroup(Number.MAX_SAFE_INTEGER).length).toBeLessThanOrEqual(16);
  expect(generationGroup(1)).not.toBe(generationGroup(37));
});

test('a consumer begins behind its floor, or at the first message of a stream made anew', () => {
  expect(startSequenceOf(undefined, 'a')).toBe(1);
  expect(startSequenceOf({ created: 'a', sequence: 41 }, 'a')).toBe(42);
  expect(startSequenceOf({ created: 'a', sequence: 41 }, 'b')).toBe(1);
});
