import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignSlots } from './rendezvous.ts';

const member = fc.string({ minLength: 1, maxLength: 12 });
const members = fc.uniqueArray(member, { minLength: 1, maxLength: 8 });
const slotCount = fc.integer({ min: 0, max: 64 });

describe('assignSlots', () => {
  it('gives every slot to one of the members', () => {
    fc.assert(
      fc.property(members, slotCount, (all, count) => {
        const assignment = assignSlots(all, count);
        expect([...assignment.keys()]).toEqual(Array.from({ length: count }, (_, slot) => slot));
        for (const owner of assignment.values()) expect(all).toContain(owner);
      }),
    );
  });

  it('does not depend on the order of the members or on repetitions', () => {
    fc.assert(
      fc.property(members, slotCount, (all, count) => {
        expect(assignSlots([...all].reverse().concat(all), count)).toEqual(assignSlots(all, count));
      }),
    );
  });

  it('moves only the slots of a member that leaves, and only to a member that joins', () => {
    fc.assert(
      fc.property(members, member, slotCount, (others, one, count) => {
        fc.pre(!others.includes(one));
        const without = assignSlots(others, count);
        const withOne = assignSlots([...others, one], count);
        for (const [slot, owner] of withOne) if (owner !== one) expect(without.get(slot)).toBe(owner);
      }),
    );
  });

  it('spreads many slots evenly: each of 5 members has 20 % ± 4 % of 2000', () => {
    const counts = new Map<string, number>();
    const all = Array.from({ length: 5 }, (_, index) => `webhook-operator-7c9d8-${index}_f3a1`);
    for (const owner of assignSlots(all, 2000).values()) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    for (const name of all) {
      expect(counts.get(name)).toBeGreaterThan(320);
      expect(counts.get(name)).toBeLessThan(480);
    }
  });

  it('assigns nothing without members', () => {
    expect(assignSlots([], 16).size).toBe(0);
  });

  it('never changes: replicas of two versions must agree during a rollout', () => {
    expect([...assignSlots(['a', 'b', 'c'], 8).values()].join('')).toBe('acbacbaa');
  });
});
