import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { OutcomeMemory, type KnownOutcome } from './outcome-memory.ts';

const done: KnownOutcome = { kind: 'Done' };
const held: KnownOutcome = { kind: 'InBacklog' };

describe('the outcome of a delivery', () => {
  test('is unknown before it is set', () => {
    expect(new OutcomeMemory(100).get('a', 0)).toBeUndefined();
  });

  test('is known for the time given, from the last time it was set', () => {
    const memory = new OutcomeMemory(100);
    memory.set('a', done, 0);
    memory.set('a', held, 50);
    expect(memory.get('a', 149)).toBe(held);
    expect(memory.get('a', 150)).toBeUndefined();
    expect(memory.get('b', 50)).toBeUndefined();
  });

  test('is forgotten on demand, one or all', () => {
    const memory = new OutcomeMemory(100);
    memory.set('a', done, 0);
    memory.set('b', done, 0);
    memory.delete('a');
    expect(memory.get('a', 1)).toBeUndefined();
    expect(memory.size).toBe(1);
    memory.clear();
    expect(memory.size).toBe(0);
  });
});

test('memory holds no more than what was set within the time', () => {
  const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  fc.assert(
    fc.property(fc.array(fc.tuple(keys, fc.nat(60))), (steps) => {
      const memory = new OutcomeMemory(100);
      const model = new Map<string, number>();
      let now = 0;
      for (const [key, pass] of steps) {
        now += pass;
        memory.set(key, done, now);
        model.set(key, now);
        const alive = [...model].filter(([, at]) => at + 100 > now);
        expect(memory.size).toBe(alive.length);
        for (const [name, at] of model) expect(memory.get(name, now)).toBe(at + 100 > now ? done : undefined);
      }
    }),
  );
});
