import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { PatternIndex } from './pattern-index.ts';
import { matchesAnyPattern } from './pattern.ts';

describe('the pattern index', () => {
  test('gives each matching value once, however many of its patterns match', () => {
    const index = new PatternIndex<string>();
    index.set('x', ['a.b', 'a.*', '>', 'a.>', '*.b']);
    expect(index.match('a.b')).toEqual(['x']);
  });

  test('replaces the patterns of a value', () => {
    const index = new PatternIndex<string>();
    index.set('x', ['a']);
    index.set('x', ['b']);
    expect(index.match('a')).toEqual([]);
    expect(index.match('b')).toEqual(['x']);
    expect(index.size).toBe(1);
  });

  test('tells whether a value was there to be deleted', () => {
    const index = new PatternIndex<string>();
    index.set('x', ['a.>', '*', 'a', 'a', '>', 'b.*.c']);
    expect(index.delete('y')).toBe(false);
    expect(index.delete('x')).toBe(true);
    expect(index.delete('x')).toBe(false);
    expect(index.size).toBe(0);
    expect(index.match('a')).toEqual([]);
  });

  test('does not follow a change of the array that it was given', () => {
    const index = new PatternIndex<string>();
    const patterns = ['a'];
    index.set('x', patterns);
    patterns[0] = 'b';
    index.delete('x');
    expect(index.match('a')).toEqual([]);
  });

  test('keeps what others need when a value goes', () => {
    const index = new PatternIndex<string>();
    index.set('x', ['a.b.c', 'a.*.c', 'a.b', 'a.>']);
    index.set('y', ['a.b.c', 'a.*.d']);
    index.delete('x');
    expect(index.match('a.b.c')).toEqual(['y']);
    expect(index.match('a.q.d')).toEqual(['y']);
    expect(index.match('a.b')).toEqual([]);
  });

  test('hands out the operational events only where they are asked for', () => {
    const index = new PatternIndex<string>();
    index.set('all', ['>', '*.failing']);
    expect(index.match('webhook-operator.failing')).toEqual([]);
    index.set('own', ['webhook-operator.*']);
    expect(index.match('webhook-operator.failing')).toEqual(['own']);
    expect(index.match('webhook-operator')).toEqual(['all']);
  });

  test('answers a type again without work, and anew after a change', () => {
    const index = new PatternIndex<string>();
    index.set('x', ['a']);
    const first = index.match('a');
    expect(index.match('a')).toBe(first);
    index.set('y', ['a']);
    expect(index.match('a')).toEqual(['x', 'y']);
    expect(first).toEqual(['x']);
  });

  test('keeps answering when producers never repeat a type', () => {
    const index = new PatternIndex<string>();
    index.set('x', ['t.*']);
    const first = index.match('t.0');
    for (let type = 1; type < 40_000; type += 1) expect(index.match(`t.${type}`)).toHaveLength(1);
    expect(index.match('t.0')).not.toBe(first);
    expect(index.match('t.0')).toEqual(['x']);
  });

  test('equals the naive matcher through any series of changes', () => {
    const token = fc.constantFrom('a', 'b', 'c', '*', 'webhook-operator');
    const pattern = fc
      .tuple(fc.array(token, { maxLength: 3 }), fc.boolean())
      .map(([tokens, rest]) => [...tokens, ...(rest || tokens.length === 0 ? ['>'] : [])].join('.'));
    const types = fc
      .array(fc.constantFrom('a', 'b', 'c', 'webhook-operator'), { minLength: 1, maxLength: 4 })
      .map((tokens) => tokens.join('.'));
    const step = fc.record({
      value: fc.nat(4),
      patterns: fc.option(fc.array(pattern, { maxLength: 4 }), { nil: undefined }),
      type: types,
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const index = new PatternIndex<number>();
        const model = new Map<number, string[]>();
        for (const { value, patterns, type } of steps) {
          if (patterns === undefined) {
            expect(index.delete(value)).toBe(model.delete(value));
          } else {
            index.set(value, patterns);
            model.set(value, patterns);
          }
          const expected = [...model].filter(([, wanted]) => matchesAnyPattern(wanted, type)).map(([name]) => name);
          const found = index.match(type);
          expect(new Set(found)).toEqual(new Set(expected));
          expect(found).toHaveLength(expected.length);
          expect(index.size).toBe(model.size);
        }
      }),
    );
  });
});
