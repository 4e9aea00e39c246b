import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Delivery } from './delivery.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { deliveryEvent } from './event.fixture.ts';

function delivery(key: string, receivedAt = 0): Delivery {
  const content = { ...deliveryEvent('{}'), key, sequence: 1 };
  return new Delivery({ content, origin: { kind: 'Event', receivedAt, settle: () => undefined }, attempt: 1 });
}

test('behaves like an array that is pushed to and shifted from', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('push', 'shift', 'takeAll', 'clear')),
      fc.integer({ min: 0, max: 600 }),
      (steps, burst) => {
        const queue = new DeliveryQueue();
        const model: Delivery[] = [];
        for (let index = 0; index < burst; index++) {
          const item = delivery(String(index));
          queue.push(item);
          model.push(item);
        }
        for (let index = 0; index < burst - 5; index++) {
          queue.shift();
          model.shift();
        }
        for (const step of steps) {
          if (step === 'push') {
            const item = delivery(step);
            queue.push(item);
            model.push(item);
          } else if (step === 'shift') {
            queue.shift();
            model.shift();
          } else if (step === 'takeAll') {
            expect(queue.takeAll()).toEqual(model.splice(0));
          } else {
            queue.clear();
            model.length = 0;
          }
          expect(queue.length).toBe(model.length);
          expect(queue.peek()).toBe(model[0]);
        }
      },
    ),
  );
});

test('a queue that stands still has room for 64, one that moves for 1024', () => {
  const queue = new DeliveryQueue();
  let now = 0;
  const clock = { monotonic: () => now };
  for (let index = 0; index < 64; index++) {
    expect(queue.hasRoom(clock)).toBe(true);
    queue.push(delivery(String(index)));
  }
  now = 999;
  expect(queue.hasRoom(clock)).toBe(true);
  now = 1000;
  expect(queue.hasRoom(clock)).toBe(false);
  while (queue.length < 1024) queue.push(delivery('more'));
  now = 0;
  expect(queue.hasRoom(clock)).toBe(false);
});

test('an entry without an origin counts as one that has waited for ever', () => {
  const queue = new DeliveryQueue();
  for (let index = 0; index < 64; index++) queue.push(delivery(String(index)));
  const first = queue.peek();
  if (first !== undefined) first.origin = undefined;
  expect(queue.hasRoom({ monotonic: () => 5000 })).toBe(false);
});
