import { ParseError } from '@marcbachmann/cel-js';
import { describe, expect, test } from 'vitest';

import { FilterError, FilterEvaluationError, invalidFilter, position, undecided } from './filter-error.ts';

describe('what is said about a filter', () => {
  test('names the place where the library does', () => {
    const error = new ParseError({ message: 'no _typ\n\n> 1 | _typ', range: { start: 2, end: 3 } });
    expect(invalidFilter(error, 'ab c')).toEqual(new FilterError('The filter is invalid at column 3: no type'));
    expect(invalidFilter(error, 'ab c').cause).toBe(error);
  });

  test.each([new ParseError('broken'), new Error('broken'), 'broken'])(
    'names no place where there is none (%o)',
    (error) => {
      expect(invalidFilter(error, 'ab')).toEqual(new FilterError('The filter is invalid: broken'));
    },
  );

  test('keeps to the first line when it can not decide', () => {
    expect(undecided(new Error('no such key\n  ^'))).toEqual(
      new FilterEvaluationError("The filter can't decide: no such key"),
    );
  });
});

test.each([
  ['', 0, 'column 1'],
  ['abc', 2, 'column 3'],
  ['\nabc', 0, 'column 1'],
  ['\nabc', 1, 'line 2, column 1'],
  ['a\nb\ncd', 5, 'line 3, column 2'],
])('in %j character %d is at %s', (source, offset, expected) => {
  expect(position(source, offset)).toBe(expected);
});
