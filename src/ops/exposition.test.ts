import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headText, PlainHistogram } from './exposition.ts';

describe('PlainHistogram', () => {
  it('counts a value into the first bucket that is not below it', () => {
    const histogram = new PlainHistogram([1, 2]);
    for (const value of [0.5, 1, 1.5, 2, 3, -1]) histogram.observe(value);
    expect(histogram.render('h', 'a="b"')).toBe(
      [
        'h_bucket{a="b",le="1"} 3',
        'h_bucket{a="b",le="2"} 5',
        'h_bucket{a="b",le="+Inf"} 6',
        'h_sum{a="b"} 8',
        'h_count{a="b"} 6',
        '',
      ].join('\n'),
    );
  });

  it('has cumulative buckets that end in the count', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1, max: 20, noNaN: true })), (values) => {
        const histogram = new PlainHistogram([0.1, 1, 10]);
        for (const value of values) histogram.observe(value);
        const counts = [...histogram.render('h', '').matchAll(/^h_bucket.* (\d+)$/gm)].map(([, count]) =>
          Number(count),
        );
        expect(counts).toEqual([0.1, 1, 10, Infinity].map((bound) => values.filter((value) => value <= bound).length));
      }),
    );
  });

  it('takes what is no number for 0', () => {
    const histogram = new PlainHistogram([1]);
    histogram.observe(Number.NaN);
    expect(histogram.render('h', '')).toContain('h_sum 0\nh_count 1\n');
  });
});

describe('headText', () => {
  it('escapes the help', () => {
    expect(headText({ name: 'm', type: 'gauge', help: 'a\\b\nc', labels: [] })).toBe(
      '# HELP m a\\\\b\\nc\n# TYPE m gauge\n',
    );
  });
});
