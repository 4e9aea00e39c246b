import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { PullWindow } from './pull-window.ts';

test('it asks for everything at first, and again when half of it came', () => {
  const window = new PullWindow(10);
  expect(window.shortage()).toBe(10);
  window.opened('1', 10, 100);
  expect(window.shortage()).toBe(0);
  for (let index = 0; index < 4; index += 1) window.delivered();
  expect(window.shortage()).toBe(0);
  window.delivered();
  expect(window.shortage()).toBe(5);
});

test('with a limit of one it asks only when nothing is owed', () => {
  const window = new PullWindow(1);
  window.opened('1', 1, 100);
  expect(window.shortage()).toBe(0);
  window.delivered();
  expect(window.shortage()).toBe(1);
});

test('a request that ends early gives its rest back', () => {
  const window = new PullWindow(10);
  window.opened('1', 10, 100);
  window.opened('2', 4, 100);
  window.delivered();
  window.ended('2', 3);
  expect(window.owed).toBe(10);
  window.ended('2', 3);
  expect(window.owed).toBe(10);
  window.ended('1');
  expect(window.owed).toBe(0);
});

test('a refused request gives back all of it', () => {
  const window = new PullWindow(10);
  window.opened('1', 4, 100);
  window.opened('2', 6, 100);
  window.ended('1');
  expect(window.owed).toBe(6);
});

test('requests past their deadline owe nothing any more', () => {
  const window = new PullWindow(10);
  window.opened('1', 10, 100);
  window.expire(99);
  expect(window.owed).toBe(10);
  window.expire(100);
  expect(window.owed).toBe(0);
});

test('a message that nobody asked for does not make the sum negative', () => {
  const window = new PullWindow(10);
  window.delivered();
  expect(window.owed).toBe(0);
  window.opened('1', 3, 100);
  window.reset();
  expect(window.shortage()).toBe(10);
});

test('it never owes more than its limit, and never stops asking for good', () => {
  const steps = fc.array(fc.constantFrom('pull', 'deliver', 'end', 'expire'), { maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), steps, (limit, actions) => {
      const window = new PullWindow(limit);
      let now = 0;
      let id = 0;
      const pull = () => {
        const batch = window.shortage();
        if (batch > 0) window.opened(String((id += 1)), batch, now + 10);
      };
      for (const action of actions) {
        now += 1;
        if (action === 'pull') pull();
        else if (action === 'deliver') window.delivered();
        else if (action === 'end') window.ended(String(id), 1);
        else window.expire(now);
        expect(window.owed).toBeGreaterThanOrEqual(0);
        expect(window.owed).toBeLessThanOrEqual(limit);
      }
      window.expire(now + 11);
      expect(window.shortage()).toBe(limit);
    }),
  );
});
