import { expect, test } from 'vitest';

import { MemoryBudget } from './memory-budget.ts';

test('pulling pauses over the limit and goes on when a quarter of it is free again', () => {
  const budget = new MemoryBudget(1000);
  const told: boolean[] = [];
  budget.onChange((paused) => told.push(paused));
  budget.add(1000);
  expect(budget.paused).toBe(false);
  budget.add(1);
  budget.add(500);
  expect(budget.paused).toBe(true);
  budget.remove(750);
  expect(budget.paused).toBe(true);
  budget.remove(1);
  expect(budget).toMatchObject({ paused: false, used: 750 });
  budget.remove(750);
  expect(told).toEqual([true, false]);
});

test('a subscription that ended is told nothing more', () => {
  const budget = new MemoryBudget(10);
  const told: boolean[] = [];
  const end = budget.onChange((paused) => told.push(paused));
  end();
  budget.add(11);
  expect(told).toEqual([]);
});

test('the limit defaults to 256 MiB', () => {
  const budget = new MemoryBudget();
  budget.add(256 * 1024 * 1024);
  expect(budget.paused).toBe(false);
  budget.add(1);
  expect(budget.paused).toBe(true);
});
