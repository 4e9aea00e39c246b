import { expect, test } from 'vitest';
import { handOverPatienceMs, mustWaitForOwner, planSlots, type SlotStatus } from './slot-plan.ts';

const slots = (entries: Record<number, SlotStatus>): Map<number, SlotStatus> =>
  new Map(Object.entries(entries).map(([slot, status]) => [Number(slot), status]));
const plan = (desired: number[], known: Record<number, SlotStatus>, mayAcquire = true) =>
  planSlots({ desired: new Set(desired), slots: slots(known), mayAcquire, now: 100 });

test('slots that are ours and idle are taken, those that are under way are waited for', () => {
  const planned = plan([0, 1, 2, 3], {
    1: { phase: 'Acquiring', notBefore: 0 },
    2: { phase: 'Owned', notBefore: 0 },
    3: { phase: 'Releasing', notBefore: 0 },
  });
  expect(planned).toEqual({ acquire: [0], release: [] });
});

test('a slot that failed is taken again when its time has come', () => {
  expect(plan([0, 1], { 0: { phase: 'Idle', notBefore: 101 }, 1: { phase: 'Idle', notBefore: 100 } }).acquire).toEqual([
    1,
  ]);
});

test('without a valid Lease of our own nothing is taken, and what we have is kept', () => {
  expect(plan([0, 1], { 1: { phase: 'Owned', notBefore: 0 } }, false)).toEqual({ acquire: [], release: [] });
});

test('slots that are not ours any more are handed over, also those that are still being taken', () => {
  const planned = plan([], {
    0: { phase: 'Owned', notBefore: 0 },
    1: { phase: 'Acquiring', notBefore: 0 },
    2: { phase: 'Releasing', notBefore: 0 },
    3: { phase: 'Idle', notBefore: 0 },
  });
  expect(planned).toEqual({ acquire: [], release: [0, 1] });
});

test.each([
  ['nobody ever had the slot', undefined, 0, false],
  ['its owner released it', { member: 'b', released: true }, 0, false],
  ['it is our own claim', { member: 'a', released: false }, 0, false],
  ['its owner is not alive', { member: 'c', released: false }, 0, false],
  ['its owner is alive', { member: 'b', released: false }, handOverPatienceMs - 1, true],
  ['its owner is alive, and does not let go', { member: 'b', released: false }, handOverPatienceMs, false],
])('whether to wait for the present owner: %s', (_, claim, waitedMs, expected) => {
  expect(mustWaitForOwner({ claim, self: 'a', members: ['a', 'b'], waitedMs })).toBe(expected);
});
