import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { matchesAnyPattern, maxPatternLength, patternProblem } from './pattern.ts';

describe('a pattern', () => {
  test.each([
    'a',
    '*',
    '>',
    'a.b',
    'a.*',
    'a.>',
    '*.*.>',
    'item.status_changed.>',
    'a-b.ü',
    'x'.repeat(maxPatternLength),
  ])('"%s" is valid', (pattern) => {
    expect(patternProblem(pattern)).toBeUndefined();
  });

  test.each([
    ['', 'must not be empty'],
    ['x'.repeat(maxPatternLength + 1), 'must be at most 256 characters long'],
    ['a b', 'must not contain whitespace or control characters'],
    ['a\u0000', 'must not contain whitespace or control characters'],
    ['.a', 'must not have an empty token (a dot at the start, at the end, or two in a row)'],
    ['a.', 'must not have an empty token (a dot at the start, at the end, or two in a row)'],
    ['a..b', 'must not have an empty token (a dot at the start, at the end, or two in a row)'],
    ['>.a', '">" must be the last token'],
    ['a.b*', '"*" and ">" must stand alone as a token, not as in "b*"'],
    ['a.>>', '"*" and ">" must stand alone as a token, not as in ">>"'],
  ])('"%s" is refused with a reason', (pattern, problem) => {
    expect(patternProblem(pattern)).toBe(problem);
  });
});

describe('matching one delivery', () => {
  test.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a', false],
    ['a', 'a.b', false],
    ['a.*', 'a.b', true],
    ['a.*', 'a', false],
    ['a.*', 'a.b.c', false],
    ['a.>', 'a', false],
    ['a.>', 'a.b', true],
    ['a.>', 'a.b.c.d', true],
    ['>', 'a', true],
    ['*.b', 'a.b', true],
    ['*.b', 'a.c', false],
    ['>', 'webhook-operator.failing', false],
    ['*.failing', 'webhook-operator.failing', false],
    ['webhook-operator.*', 'webhook-operator.failing', true],
    ['webhook-operator.>', 'webhook-operator.failing', true],
    ['webhook-operator.failing', 'webhook-operator.failing', true],
    ['>', 'webhook-operator', true],
    ['>', 'webhook-operators.x', true],
    ['constructor', 'constructor', true],
  ])('%s on %s: %s', (pattern, type, expected) => {
    expect(matchesAnyPattern([pattern], type)).toBe(expected);
  });

  test('needs only one of the patterns', () => {
    expect(matchesAnyPattern(['a', 'b'], 'b')).toBe(true);
    expect(matchesAnyPattern([], 'b')).toBe(false);
  });

  test('equals a regular expression made from the pattern', () => {
    const token = fc.constantFrom('a', 'b', '*', 'webhook-operator');
    const pattern = fc
      .tuple(fc.array(token, { maxLength: 4 }), fc.boolean())
      .map(([tokens, rest]) => [...tokens, ...(rest || tokens.length === 0 ? ['>'] : [])].join('.'));
    const type = fc.array(fc.constantFrom('a', 'b', 'webhook-operator'), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(pattern, type, (text, tokens) => {
        const joined = tokens.join('.');
        const expression = text.replaceAll('.', '\\.').replaceAll('*', '[^.]+').replace(/>$/, '.+');
        const ownOnly = joined.startsWith('webhook-operator.') && !text.startsWith('webhook-operator.');
        expect(patternProblem(text)).toBeUndefined();
        expect(matchesAnyPattern([text], joined)).toBe(!ownOnly && new RegExp(`^${expression}$`).test(joined));
      }),
    );
  });
});
