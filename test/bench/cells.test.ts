import { expect, test } from 'vitest';
import { cellsFor, namespacesOf, subjectsOf, webhooksOf } from './cells.ts';

test('there is a cell in one namespace and one over many for each number of Webhooks, and a fan-out', () => {
  const cells = cellsFor([1, 100, 10_000], 1000);
  expect(cells.map(({ name }) => name)).toEqual([
    'one-namespace-1',
    'one-namespace-100',
    'one-namespace-10000',
    'many-namespaces-100',
    'many-namespaces-10000',
    'fan-out-1000',
  ]);
  expect(cells.map(({ namespaces }) => namespaces)).toEqual([1, 1, 1, 100, 1000, 1]);
});

test('each Webhook of a cell has an event type of its own, in its own namespace', () => {
  const cell = { name: 'x', webhooks: 5, namespaces: 2, fanOut: false };
  expect(namespacesOf(cell)).toEqual(['bench-0', 'bench-1']);
  expect(webhooksOf(cell).map(({ namespace }) => namespace)).toEqual([
    'bench-0',
    'bench-1',
    'bench-0',
    'bench-1',
    'bench-0',
  ]);
  expect(new Set(subjectsOf(cell)).size).toBe(5);
  expect(subjectsOf(cell)[3]).toBe('events.bench-1.bench.n3');
});

test('in a fan-out every Webhook asks for the same event', () => {
  expect(subjectsOf({ name: 'x', webhooks: 5, namespaces: 1, fanOut: true })).toEqual(['events.bench-0.bench.all']);
});
