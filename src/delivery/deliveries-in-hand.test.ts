import { expect, test } from 'vitest';
import { DeliveriesInHand } from './deliveries-in-hand.ts';
import { Delivery, type Origin } from './delivery.ts';
import { deliveryEvent } from './event.fixture.ts';
import { MemoryBudget } from './memory-budget.ts';

function delivery(key: string, kind: Origin['kind'], text = '12345678'): Delivery {
  const content = { ...deliveryEvent(text), key, sequence: 1 };
  return new Delivery({ content, origin: { kind, receivedAt: 0, settle: () => undefined }, attempt: 1 });
}

test('the bytes of retries and backlog entries count while they are in hand, those of events do not', () => {
  const memory = new MemoryBudget();
  const hand = new DeliveriesInHand(memory);
  const [event, retry, entry] = [delivery('a', 'Event'), delivery('b', 'Retry'), delivery('c', 'Backlog')];
  for (const each of [event, retry, entry]) hand.add(each);
  expect(memory.used).toBe(16);
  expect([...hand.values()]).toEqual([event, retry, entry]);
  hand.delete(retry);
  hand.delete(event);
  expect([memory.used, hand.size, hand.get('c')]).toEqual([8, 1, entry]);
  hand.clear();
  expect([memory.used, hand.size]).toEqual([0, 0]);
});

test('an attempt that outlasts its event counts on its own, once', () => {
  const memory = new MemoryBudget();
  const hand = new DeliveriesInHand(memory);
  const event = delivery('a', 'Event');
  hand.add(event);
  hand.parked(event);
  hand.parked(event);
  expect(memory.used).toBe(8);
  hand.delete(event);
  hand.parked(event);
  expect(memory.used).toBe(0);
});

test('a body that is not there yet counts nothing', () => {
  const memory = new MemoryBudget();
  const hand = new DeliveriesInHand(memory);
  hand.add(delivery('a', 'Retry', ''));
  expect(memory.used).toBe(0);
});
