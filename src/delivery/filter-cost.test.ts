import { Environment } from '@marcbachmann/cel-js';
import { describe, expect, test } from 'vitest';

import { isAffordable, shapeOf, type FilterShape } from './filter-cost.ts';

const environment = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true });
const shape = (source: string) => shapeOf(environment.parse(source).ast);
const list = (length: number) => Array.from({ length }, () => 1);

describe('the shape of a filter', () => {
  const plain: FilterShape = {
    steps: [0, 0],
    scans: [0, 0],
    comparisons: [0, 0],
    literals: 0,
    joins: 0,
    splits: false,
  };

  test.each([
    ['d.a == d.c && !d.b', plain],
    ['d.?a.orValue(1) == d[?"b"].orValue(-d.c)', plain],
    ['d.a.all(x, x > 1)', { ...plain, steps: [4, 0] }],
    ['d.a.all(x, d.b.exists(y, y > 1))', { ...plain, steps: [4, 4] }],
    ['d.a.filter(x, x > 1).map(x, x).size() > 1', { ...plain, steps: [6, 0] }],
    ['has(d.a) || size(d.b) > 1', plain],
    ['d.a.exists(x, x in d.b)', { ...plain, steps: [5, 0], comparisons: [1, 0] }],
    ['d.a.exists(x, x == 1 || "a" != x)', { ...plain, steps: [8, 0] }],
    ['d.a.exists(x, x == d.b)', { ...plain, steps: [5, 0], comparisons: [1, 0] }],
    ['d.a.exists(x, d.b.exists(y, x != y))', { ...plain, steps: [4, 4], comparisons: [0, 1] }],
    ['d.a.exists(x, x + 1.0 > 1.0)', { ...plain, steps: [6, 0], scans: [1, 0], comparisons: [1, 0], joins: 1 }],
    ['(d.a + d.b).exists_one(x, x > 1)', { ...plain, steps: [4, 0], joins: 1 }],
    ['d.a ? [1, 2].all(x, x > 1) : {"a": 1}.size() > 1', { ...plain, steps: [4, 0], literals: 3 }],
    ['d.s.split(",").all(x, size(x) > 1)', { ...plain, steps: [5, 0], scans: [1, 0], splits: true }],
    ['d.a.all(x, x.startsWith("a") && has(x.b))', { ...plain, steps: [8, 0] }],
    ['d.a.all(x, d.b.all(y, y.contains("a")))', { ...plain, steps: [4, 4], scans: [0, 1] }],
    ['d.a.all(x, x.join(",") == "a")', { ...plain, steps: [6, 0], scans: [1, 0], comparisons: [1, 0] }],
    ['d.a.all(x, timestamp(x).getHours() > 1)', { ...plain, steps: [6, 0] }],
    ['d.a.all(x, timestamp(x).getHours("UTC") > 1)', { ...plain, steps: [506, 0] }],
  ])('%s', (source, expected) => {
    expect(shape(source)).toEqual(expected);
  });
});

describe('an evaluation is', () => {
  const items = (count: number) =>
    Array.from({ length: count }, () => ({ sku: 'abc', name: 'x', n: 1, price: 2, ok: true }));

  test('always affordable without macros', () => {
    expect(isAffordable(shape('d == 1'), [list(2_000_000)])).toBe(true);
  });

  test.each([
    ['one loop over many elements', 'd.all(x, x > 1)', [list(500_000)], true],
    ['one loop over too many', 'd.all(x, x > 1)', [list(500_001)], false],
    ['two loops after one another', 'd.all(x, x > 1) && d.all(x, x > 2)', [list(250_000)], true],
    ['two loops over too many', 'd.all(x, x > 1) && d.all(x, x > 2)', [list(250_001)], false],
    ['nested loops over a few hundred', 'd.all(x, d.all(y, x > y))', [list(700)], true],
    ['nested loops over a thousand', 'd.all(x, d.all(y, x > y))', [list(1000)], false],
    ['a long list deep inside', 'd.all(x, d.all(y, x > y))', [{ a: [{ b: list(1000) }] }], false],
    ['a large object', 'd.all(x, d.all(y, x > y))', [Object.fromEntries(list(1000).entries())], false],
    ['looking for one of many items', 'd.exists(i, i.sku == "x" && i.price > 1)', [items(20_000)], true],
    ['looking for the item that the event names', 'd.exists(i, i.sku == e.sku)', [items(1800)], true],
    ['comparing with too much', 'd.exists(i, i.sku == e.sku)', [items(5000)], false],
    ['searching short strings', 'd.all(x, x.contains("a"))', [list(1000), 'x'.repeat(30_000)], true],
    ['searching a huge string', 'd.all(x, s.contains(x))', [list(1000), 'x'.repeat(30_001)], false],
    ['a time zone for each of many', 'd.all(x, x.getHours("UTC") > 1)', [list(5000)], false],
    ['looping over literals and joined lists', '(d + [1]).all(x, x > 1)', [list(249_999)], true],
    ['looping over too much that was joined', '(d + [1]).all(x, x > 1)', [list(250_000)], false],
    ['looping over the characters of a string', 's.split("").all(x, x > 0)', ['x'.repeat(400_000)], true],
    ['looping over too many characters', 's.split("").all(x, x > 0)', ['x'.repeat(500_001)], false],
    ['looping over nothing', 'd.all(x, x > 1)', [null, 1, true, undefined], true],
  ])('%s', (_, source, values, expected) => {
    expect(isAffordable(shape(source), values)).toBe(expected);
  });

  test('judged on JSON that is nested deeper than the stack', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`);
    expect(isAffordable(shape('d.all(x, x > 1)'), [deep])).toBe(true);
    expect(isAffordable(shape('d.all(x, x == d && [1, 2].size() == 2)'), [deep, list(100)])).toBe(false);
  });
});
