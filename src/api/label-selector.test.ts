import { describe, expect, it } from 'vitest';
import { labelSelectorSchema, matchesLabels } from './label-selector.ts';

const labels = { team: 'a', tier: 'gold' };

describe('matchesLabels', () => {
  it.each([
    ['an empty selector', {}],
    ['equal labels', { matchLabels: { team: 'a', tier: 'gold' } }],
    ['In', { matchExpressions: [{ key: 'team', operator: 'In' as const, values: ['b', 'a'] }] }],
    ['NotIn another value', { matchExpressions: [{ key: 'team', operator: 'NotIn' as const, values: ['b'] }] }],
    ['NotIn a label that is absent', { matchExpressions: [{ key: 'x', operator: 'NotIn' as const, values: ['b'] }] }],
    ['Exists', { matchExpressions: [{ key: 'team', operator: 'Exists' as const }] }],
    ['DoesNotExist', { matchExpressions: [{ key: 'x', operator: 'DoesNotExist' as const }] }],
  ])('is true for %s', (_, selector) => {
    expect(matchesLabels(selector, labels)).toBe(true);
  });

  it.each([
    ['one label that differs', { matchLabels: { team: 'a', tier: 'silver' } }],
    ['a label that is absent', { matchLabels: { x: '' } }],
    ['In other values', { matchExpressions: [{ key: 'team', operator: 'In' as const, values: ['b'] }] }],
    ['In without the label', { matchExpressions: [{ key: 'x', operator: 'In' as const, values: ['b'] }] }],
    ['NotIn', { matchExpressions: [{ key: 'team', operator: 'NotIn' as const, values: ['a'] }] }],
    ['Exists', { matchExpressions: [{ key: 'x', operator: 'Exists' as const }] }],
    ['DoesNotExist', { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' as const }] }],
    [
      'labels that match and an expression that does not',
      { matchLabels: { team: 'a' }, matchExpressions: [{ key: 'x', operator: 'Exists' as const }] },
    ],
  ])('is false for %s', (_, selector) => {
    expect(matchesLabels(selector, labels)).toBe(false);
  });
});

describe('labelSelectorSchema', () => {
  it('wants values with In and none with Exists', () => {
    const parse = (expression: object) => labelSelectorSchema.safeParse({ matchExpressions: [expression] }).success;
    expect(parse({ key: 'a', operator: 'In' })).toBe(false);
    expect(parse({ key: 'a', operator: 'In', values: [] })).toBe(false);
    expect(parse({ key: 'a', operator: 'Exists', values: ['b'] })).toBe(false);
    expect(parse({ key: 'a', operator: 'Exists', values: [] })).toBe(true);
  });

  it('bounds the labels', () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`l${index}`, '']));
    expect(labelSelectorSchema.safeParse({ matchLabels: many }).success).toBe(false);
  });
});
