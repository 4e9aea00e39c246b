import { expect, test } from 'vitest';

import type { ConsumedMessage } from '../jetstream/broker.ts';
import { consumedMessage } from './message.fixture.ts';
import { EventTracker } from './event-tracker.ts';

function tracked(message: ConsumedMessage = consumedMessage()) {
  const settled: EventTracker[] = [];
  return { settled, tracker: new EventTracker(message, 40, (tracker) => settled.push(tracker)) };
}

test('an event that nobody wants is settled by the one who looked at it', () => {
  const { tracker, settled } = tracked();
  tracker.settle();
  expect(settled).toEqual([tracker]);
});

test('an event is settled once, when the last of its deliveries is, in any order', () => {
  const { tracker, settled } = tracked();
  tracker.add();
  tracker.add();
  tracker.settle();
  tracker.settle();
  expect(settled).toEqual([]);
  tracker.settle();
  expect(settled).toEqual([tracker]);
});

test('it knows where the event lies, its size and its age', () => {
  const { tracker } = tracked(consumedMessage({ sequence: 7, data: Buffer.from('abc') }));
  expect(tracker).toMatchObject({ kind: 'Event', sequence: 7, bytes: 3, receivedAt: 40 });
});

test('the latest copy that the server handed out is the one to be acknowledged', () => {
  const { tracker } = tracked();
  const again = consumedMessage({ deliveryCount: 2 });
  tracker.message = again;
  expect(tracker.message).toBe(again);
});
