import { expect, test } from 'vitest';
import { ManualClock } from '../kubernetes/testing/manual-clock.ts';
import { silentLogger } from '../logger.ts';
import { classReconciler, classStatus } from './class-reconciler.ts';
import { catalogFixture, classObject } from './objects.fixture.ts';
import { parseWebhookClass } from '../api/parse.ts';

function fixture(isWriter = true) {
  const sources = catalogFixture();
  const log: unknown[] = [];
  const reconcile = classReconciler({
    catalog: sources.catalog,
    statuses: {
      write: (key, desired) => log.push([key, desired]),
      forget: (key) => log.push(`forget ${key}`),
    },
    isWriter: () => isWriter,
    clock: new ManualClock(Date.UTC(2026, 0, 1)),
  });
  const visit = () => reconcile('c', { logger: silentLogger, signal: new AbortController().signal });
  return { ...sources, log, visit };
}

test('a valid class is Ready, one that breaks a rule is not and says which', async () => {
  const { classes, log, visit } = fixture();
  classes.set(classObject('c'));
  await visit();
  classes.set(classObject('c', { description: 7 }, { generation: 2 }));
  await visit();
  expect(log).toMatchObject([
    ['c', { observedGeneration: 1, conditions: [{ type: 'Ready', status: 'True', reason: 'Valid' }] }],
    ['c', { observedGeneration: 2, conditions: [{ type: 'Ready', status: 'False', reason: 'InvalidSpec' }] }],
  ]);
});

test('only one replica writes, and what is gone is forgotten', async () => {
  const { classes, log, visit } = fixture(false);
  classes.set(classObject('c'));
  await visit();
  expect(log).toEqual([]);
  classes.delete(classObject('c'));
  await visit();
  expect(log).toEqual(['forget c']);
});

test('a condition keeps its time while its status is the same', () => {
  const object = classObject('c');
  const first = classStatus(object, parseWebhookClass(object), Date.UTC(2026, 0, 1));
  const seen = Object.assign(classObject('c'), { status: first });
  expect(classStatus(seen, parseWebhookClass(seen), Date.UTC(2026, 0, 2))).toEqual(first);
  const { generation: _generation, ...metadata } = object.metadata;
  expect(classStatus({ ...object, metadata }, parseWebhookClass(object), 0).observedGeneration).toBe(0);
});
