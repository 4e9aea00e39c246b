import { expect, test } from 'vitest';
import { namespaceObject, webhookObject } from './objects.fixture.ts';
import { isLabelChange, isSpecChange } from './relevant-change.ts';

const webhook = (metadata: object = {}, status: object = {}) => webhookObject('a', 'w', {}, { metadata, status });

test.each([
  ['a new object', undefined, webhook(), true],
  ['a deleted object', webhook(), undefined, true],
  ['another object of the name', webhook(), webhook({ uid: 'other' }), true],
  ['another spec', webhook(), webhook({ generation: 2 }), true],
  ['another annotation', webhook(), webhook({ annotations: { a: 'b' } }), true],
  ['another status', webhook(), webhook({}, { source: 'a' }), false],
])('whether %s is looked at', (_, old, current, expected) => {
  expect(isSpecChange(old, current)).toBe(expected);
});

test.each([
  ['the same labels', namespaceObject('a', { x: 'y' }), namespaceObject('a', { x: 'y' }), false],
  ['another label', namespaceObject('a', { x: 'y' }), namespaceObject('a', { x: 'z' }), true],
  ['a new namespace without labels', undefined, namespaceObject('a'), false],
  ['a deleted namespace with labels', namespaceObject('a', { x: 'y' }), undefined, true],
])('whether %s matter', (_, old, current, expected) => {
  expect(isLabelChange(old, current)).toBe(expected);
});
