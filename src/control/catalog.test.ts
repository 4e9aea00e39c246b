import { expect, test } from 'vitest';
import { annotations } from '../api/metadata.ts';
import { catalogFixture, classObject, namespaceObject, webhookObject } from './objects.fixture.ts';

const asDefault = (creationTimestamp: string) => ({
  annotations: { [annotations.isDefaultClass]: 'true' },
  creationTimestamp,
});

test('Webhooks are read once per version, and what is no Webhook is left out', () => {
  const { catalog, webhooks } = catalogFixture();
  webhooks.set(webhookObject('a', 'one'));
  webhooks.set({ kind: 'Webhook', metadata: { name: 'none', uid: 'u' } });
  expect(catalog.webhook('a/one')).toBe(catalog.webhook('a/one'));
  expect(catalog.webhook('a/none')).toBeUndefined();
  expect(catalog.webhook('none')).toBeUndefined();
  expect([...catalog.allWebhooks()].map(({ metadata }) => metadata.name)).toEqual(['one']);
});

test('a class that was deleted, or broke a rule, counts as it was last valid', () => {
  const { catalog, classes } = catalogFixture();
  expect(catalog.findClass('c')).toBeUndefined();
  expect(catalog.parsedClass('c')).toBeUndefined();
  const valid = classObject('c', { description: 'first' });
  classes.set(valid);
  expect(catalog.findClass('c')).toMatchObject({ known: 'Current', class: { spec: { description: 'first' } } });
  classes.set(classObject('c', { description: 7 }));
  expect(catalog.parsedClass('c')).toMatchObject({ valid: false });
  expect(catalog.findClass('c')).toMatchObject({ known: 'Current', class: { spec: { description: 'first' } } });
  classes.delete(valid);
  expect(catalog.findClass('c')).toMatchObject({ known: 'LastKnown', class: { spec: { description: 'first' } } });
  classes.set(classObject('c', { description: 'second' }));
  expect(catalog.findClass('c')).toMatchObject({ known: 'Current', class: { spec: { description: 'second' } } });
});

test('of several default classes the newest counts, of two of the same age the first by name', () => {
  const { catalog, classes } = catalogFixture();
  expect(catalog.defaultClassName).toBeUndefined();
  classes.set(classObject('plain'));
  expect(catalog.defaultClassName).toBeUndefined();
  classes.set(classObject('old', {}, asDefault('2026-01-01T00:00:00Z')));
  expect(catalog.defaultClassName).toBe('old');
  classes.set(classObject('new-b', {}, asDefault('2026-02-01T00:00:00Z')));
  classes.set(classObject('new-c', {}, asDefault('2026-02-01T00:00:00Z')));
  classes.set(classObject('new-a', {}, asDefault('2026-02-01T00:00:00Z')));
  expect(catalog.defaultClassName).toBe('new-a');
  classes.set(classObject('timeless', {}, { annotations: { [annotations.isDefaultClass]: 'true' } }));
  expect(catalog.defaultClassName).toBe('new-a');
});

test('a namespace that is not known has no labels', () => {
  const { catalog, namespaces } = catalogFixture();
  expect(catalog.namespaceLabels('a')).toEqual({});
  namespaces.set(namespaceObject('a', { team: 'x' }));
  expect(catalog.namespaceLabels('a')).toEqual({ team: 'x' });
  namespaces.set({ metadata: { name: 'bare' } });
  expect(catalog.namespaceLabels('bare')).toEqual({});
});

test('the ordered webhooks that are taken are counted again when Webhooks or classes change', () => {
  const { catalog, webhooks, classes } = catalogFixture();
  webhooks.set(webhookObject('a', 'one', { delivery: { ordered: true } }));
  webhooks.set(webhookObject('a', 'two', { className: 'c' }));
  expect([catalog.isOrderedAdmitted('uid-one'), catalog.isOrderedAdmitted('uid-two')]).toEqual([true, false]);
  classes.set(classObject('c', { delivery: { ordered: true } }));
  expect(catalog.isOrderedAdmitted('uid-two')).toBe(true);
  webhooks.set(webhookObject('a', 'three', { delivery: { ordered: true } }));
  expect(catalog.isOrderedAdmitted('uid-three')).toBe(true);
});

test('a relist asks for all three kinds', async () => {
  const { catalog, webhooks, classes, namespaces } = catalogFixture();
  await catalog.relist();
  expect([webhooks.relists, classes.relists, namespaces.relists]).toEqual([1, 1, 1]);
});
