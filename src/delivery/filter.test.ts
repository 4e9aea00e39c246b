import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { FilterError, FilterEvaluationError, compileFilter, maxFilterLength } from './filter.ts';
import type { FilterInput } from './webhook-config.ts';

const event: FilterInput = {
  type: 'order.created',
  data: {
    status: 'paid',
    amount: 12,
    rate: 1.5,
    tags: ['a', 'b'],
    items: [{ sku: 'x', parts: [1, 2] }],
    ok: true,
    none: null,
  },
  headers: { 'X-Team': 'a' },
  id: 'evt-1',
  time: '2026-01-01T12:00:00.005Z',
};

describe('a filter', () => {
  test.each([
    ['type == "order.created"', true],
    ['(type) != "order.created"', false],
    ['type.startsWith("order.") && type.endsWith("ed")', true],
    ['data.status == "paid"', true],
    ['data["status"] in ["open", "paid"]', true],
    ['data.amount > 10 && data.amount == 12', true],
    ['data.amount + 1.0 == 13.0', true],
    ['has(data.status) && !has(data.other)', true],
    ['has(data.other) && data.other == 1', false],
    ['data.none == null', true],
    ['data.ok == true', true],
    ['size(data.tags) == 2 && "a" in data.tags', true],
    ['data.items.exists(i, i.sku == "x" && i.parts.exists(p, p == 2))', true],
    ['data.items.map(i, i.sku).filter(s, s == "x").size() == 1', true],
    ['data.tags.exists_one(type, type == "a") && type == "order.created"', true],
    ['{"a": [1, 2]}["a"].all(n, n > 0)', true],
    ['-data.amount < 0 ? true : false', true],
    ['headers["X-Team"] == "a"', true],
    ['id == "evt-1"', true],
    ['timestamp(time) < timestamp("2027-01-01T00:00:00Z")', true],
    ['type(data.amount) == double', true],
    ['"type" == \'type\' && type != "type"', true],
    ['has(data.constructor) || has(data.__proto__)', false],
  ])('%s: %s', (source, expected) => {
    const filter = compileFilter(source);
    expect(filter.source).toBe(source);
    expect(filter.matches(event)).toBe(expected);
  });

  test('sees null where the body is no JSON', () => {
    expect(compileFilter('data == null').matches({ ...event, data: undefined })).toBe(true);
  });

  test('decides each event for itself', () => {
    const filter = compileFilter('type == "a" && data.n == 1');
    expect(filter.matches({ ...event, type: 'a', data: { n: 1 } })).toBe(true);
    expect(filter.matches({ ...event, type: 'b', data: { n: 1 } })).toBe(false);
    expect(filter.matches({ ...event, type: 'a', data: { n: 2 } })).toBe(false);
  });
});

describe('a filter is refused', () => {
  test.each([
    ['', 'The filter is invalid at column 1: Unexpected token: EOF'],
    ['1 +', 'The filter is invalid at column 4: Unexpected token: EOF'],
    ['true &&\n  foo == 1', 'The filter is invalid at line 2, column 3: Unknown variable: foo'],
    ['type == "x" && foo', 'The filter is invalid at column 16: Unknown variable: foo'],
    ['type + 1 == 2', 'The filter is invalid at column 1: no such overload: string + int'],
    [
      'data.tags.all(1, true)',
      'The filter is invalid at column 15: all(var, predicate) invalid predicate iteration variable',
    ],
    ['type', 'The filter must give a bool, this one gives string'],
    ['data.ok', 'The filter must give a bool, this one gives dyn; compare it, as in "data.active == true"'],
    [`${'['.repeat(30)}${']'.repeat(30)} == []`, 'The filter is invalid at column 25: Exceeded maxDepth (24)'],
    ['x'.repeat(maxFilterLength + 1), 'The filter is longer than 4096 characters'],
    [
      'cel.bind(x, 1, x == 1)',
      'The filter is refused at column 1: cel.bind is not allowed, because it lets a short expression build a huge value',
    ],
    [
      '\ndata.a.exists(x, data.b.exists(y, data.c.exists(z, true)))',
      'The filter is refused at line 2, column 35: macros must not be nested more than 2 deep',
    ],
  ])('%j', (source, message) => {
    expect(() => compileFilter(source)).toThrow(FilterError);
    expect(() => compileFilter(source)).toThrow(new FilterError(message));
  });

  test.each(['type.matches("a")', 'data.s.matches(data.p)', '["a"].all(x, true && x.matches("(a+)+$"))'])(
    'with a regular expression, which could take seconds: %s',
    (source) => {
      expect(() => compileFilter(source)).toThrow(/regular expressions are not allowed/);
    },
  );

  test('when it is too complex', () => {
    expect(() => compileFilter(Array.from({ length: 300 }, () => 'true').join(' && '))).toThrow(/maxAstNodes/);
  });

  test('with stable error codes', () => {
    expect(new FilterError('x').code).toBe('WHO_FILTER_INVALID');
    expect(new FilterEvaluationError('x').code).toBe('WHO_FILTER_EVALUATION');
  });

  test('never with another error, whatever is written', () => {
    const piece = fc.constantFrom(
      'type',
      'data',
      '.a',
      '(',
      ')',
      '[',
      ']',
      '"',
      '==',
      '&&',
      ' ',
      '1',
      '?',
      ':',
      'has(',
      '.all(x,',
      '\n',
      '{',
      '}',
      '\\',
      '!',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (source) => {
          try {
            expect(typeof compileFilter(source).matches).toBe('function');
          } catch (error) {
            expect(error).toBeInstanceOf(FilterError);
          }
        },
      ),
    );
  });
});

describe('a filter can not decide', () => {
  test.each([
    ['data.missing == 1', 'No such key: missing'],
    ['headers["missing"] == "x"', 'No such key: missing'],
    ['data.amount + 1 == 13', 'no such overload: dyn<double> + int'],
    ['data.constructor == 1', 'No such key: constructor'],
  ])('%s', (source, message) => {
    const filter = compileFilter(source);
    expect(() => filter.matches(event)).toThrow(new FilterEvaluationError(`The filter can't decide: ${message}`));
  });

  test('where its macros would take too long', () => {
    const data = { list: Array.from({ length: 20_000 }, (_, index) => index) };
    const nested = compileFilter('data.list.all(x, data.list.all(y, x + y >= 0.0))');
    expect(() => nested.matches({ ...event, data })).toThrow(
      new FilterEvaluationError('The event is too large for the macros of the filter'),
    );
    expect(compileFilter('data.list.all(x, x >= 0)').matches({ ...event, data })).toBe(true);
  });
});
