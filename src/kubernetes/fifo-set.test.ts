import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FifoSet } from './fifo-set.ts';

test('a set gives its keys back in the order in which they came in last', () => {
  const step = fc.tuple(fc.constantFrom('add', 'delete', 'shift', 'shift'), fc.nat(5).map(String));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const set = new FifoSet();
      const model: string[] = [];
      for (const [kind, key] of steps) {
        const index = model.indexOf(key);
        if (kind === 'shift') {
          expect(set.shift()).toBe(model.shift());
        } else if (kind === 'add') {
          set.add(key);
          if (index < 0) model.push(key);
        } else {
          expect(set.delete(key)).toBe(index >= 0);
          if (index >= 0) model.splice(index, 1);
        }
        expect(set.size).toBe(model.length);
        expect(set.has(key)).toBe(model.includes(key));
      }
    }),
  );
});

test('a key that is there keeps its place when it is added again', () => {
  const set = new FifoSet();
  for (const key of ['a', 'b', 'a']) set.add(key);
  expect([set.shift(), set.shift(), set.shift()]).toEqual(['a', 'b', undefined]);
});

test('a set that is never empty keeps its order over many keys', () => {
  const set = new FifoSet();
  for (let index = 0; index < 5000; index += 1) set.add(`k${index}`);
  for (let index = 0; index < 5000; index += 1) {
    expect(set.shift()).toBe(`k${index}`);
    set.add(`n${index}`);
  }
  expect(set.shift()).toBe('n0');
  expect(set.size).toBe(4999);
});
