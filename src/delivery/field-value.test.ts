import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { isFieldName, isFieldValue, percentDecoded, percentEncoded } from './field-value.ts';

test.each(['X-Team', 'a', "!#$%&'*+-.^_`|~0"])('%s is a header name', (name) => {
  expect(isFieldName(name)).toBe(true);
});

test.each(['', 'a b', 'a:', 'ü', 'a\n', '(a)', 'a/b'])('"%s" is no header name', (name) => {
  expect(isFieldName(name)).toBe(false);
});

test.each(['', 'a', 'a b', 'a\tb', '"{}"', '\u00e9', '~'])('"%s" can be sent', (value) => {
  expect(isFieldValue(value)).toBe(true);
});

test.each([' a', 'a ', '\ta', 'a\r\nb', 'a\n', '\u0000', '\u007f', '漢', ' '])('"%s" can not be sent', (value) => {
  expect(isFieldValue(value)).toBe(false);
});

test.each([
  ['Euro € 😀', 'Euro%20%E2%82%AC%20%F0%9F%98%80'],
  ['100%', '100%25'],
  ['say "hi"', 'say%20%22hi%22'],
  ['a-b_c:d/e?f', 'a-b_c:d/e?f'],
  ['\ud800', '%EF%BF%BD'],
])('%s is encoded as the CloudEvents binding says', (text, encoded) => {
  expect(percentEncoded(text)).toBe(encoded);
});

test('text comes back from its encoding, which can be sent', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const encoded = percentEncoded(text);
      expect(isFieldValue(encoded)).toBe(true);
      expect(percentDecoded(encoded)).toBe(text.toWellFormed());
    }),
  );
});

test('what is no encoding stays as it is', () => {
  expect(percentDecoded('100%')).toBe('100%');
  expect(percentDecoded('%FF')).toBe('%FF');
});
