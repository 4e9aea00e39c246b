import { Environment } from '@marcbachmann/cel-js';
import { describe, expect, test } from 'vitest';

import { isAffordable, shapeOf, type FilterShape } from './filter-cost.ts';

const environment = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true });
const shape = (source: string) => shapeOf(environment.parse(source).ast);
const list = (length: number) => Array.from({ length }, () => 1);

describe('the shape of a filter', () => {
  const plain: FilterShape = {
    macros: 0,
    macroDepth: 0,
    literals: 0,
    joins: 0,
    splits: false,
    comparesLists: false,
  };

  test.each([
    ['d.a == 1 && !d.b', plain],
    ['d.?a.orValue(1) == d[?"b"].orValue(-d.c)', plain],
    ['d.a.all(x, x > 1)', { ...plain, macros: 1, macroDepth: 1 }],
    ['d.a.all(x, d.b.exists(y, y > x))', { ...plain, macros: 2, macroDepth: 2 }],
    ['d.a.filter(x, x > 1).map(x, x).size() > 1', { ...plain, macros: 2, macroDepth: 1 }],
    ['has(d.a) || size(d.b) > 1', plain],
    ['d.a.exists(x, x in d.b)', { ...plain, macros: 1, macroDepth: 1, comparesLists: true }],
    ['(d.a + d.b).exists_one(x, x > 1)', { ...plain, macros: 1, macroDepth: 1, joins: 1 }],
    ['d.a ? [1, 2].all(x, x > 1) : {"a": 1}.size() > 1', { ...plain, macros: 1, macroDepth: 1, literals: 3 }],
    ['d.s.split(",").all(x, size(x) > 1)', { ...plain, macros: 1, macroDepth: 1, splits: true }],
  ])('%s', (source, expected) => {
    expect(shape(source)).toEqual(expected);
  });
});

describe('an evaluation is', () => {
  test('always affordable without macros', () => {
    expect(isAffordable(shape('d == 1'), [list(2_000_000)])).toBe(true);
  });

  test.each([
    ['one loop over many elements', 'd.all(x, x > 1)', [list(500_000)], true],
    ['one loop over too many', 'd.all(x, x > 1)', [list(500_001)], false],
    ['two loops after one another', 'd.all(x, x > 1) && d.all(x, x > 2)', [list(250_000)], true],
    ['two loops over too many', 'd.all(x, x > 1) && d.all(x, x > 2)', [list(250_001)], false],
    ['nested loops over a few hundred', 'd.all(x, d.all(y, x > y))', [list(500)], true],
    ['nested loops over a thousand', 'd.all(x, d.all(y, x > y))', [list(1000)], false],
    [
      'elements spread over nested objects',
      'd.all(x, d.all(y, x > y))',
      [{ a: { b: list(400) }, c: list(400) }],
      false,
    ],
    ['a loop that searches a short string', 'd.all(x, s.contains(x))', [list(1000), 'x'.repeat(1000)], true],
    ['a loop that searches a huge string', 'd.all(x, s.contains(x))', [list(1000), 'x'.repeat(1_000_000)], false],
    ['a loop that searches short lists', 'd.all(x, x in d)', [list(2000)], true],
    ['a loop that searches a long list', 'd.all(x, x in d)', [list(3000)], false],
    ['a loop over literals and lists that were joined', '(d + [1]).all(x, x > 1)', [list(249_999)], true],
    ['a loop over too much that was joined', '(d + [1]).all(x, x > 1)', [list(250_000)], false],
    ['a loop over the characters of a string', 's.split("").all(x, size(x) > 0)', ['x'.repeat(20_000)], true],
    ['a loop over too many characters', 's.split("").all(x, size(x) > 0)', ['x'.repeat(600_000)], false],
    ['nothing to loop over', 'd.all(x, x > 1)', [null, 1, true, undefined], true],
  ])('%s', (_, source, values, expected) => {
    expect(isAffordable(shape(source), values)).toBe(expected);
  });

  test('judged on JSON that is nested deeper than the stack', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`);
    expect(isAffordable(shape('d.all(x, x > 1)'), [deep])).toBe(true);
    expect(isAffordable(shape('d.all(x, d.all(y, x > y))'), [deep])).toBe(false);
  });
});
