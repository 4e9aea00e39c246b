import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { printable, printableText } from './printable.ts';

const bytes = (text: string) => Buffer.from(text, 'utf8');

describe('what a receiver said', () => {
  test.each([
    ['plain text stays', 'no such user', 'no such user'],
    ['line breaks and tabs become one space', 'a\r\n\t b', 'a b'],
    ['space around it goes', '\n a \n', 'a'],
    ['escape sequences lose their control character', '\u001b[31mred', '[31mred'],
    ['NUL and C1 controls go', 'a\u0000b\u0085c', 'a b c'],
    ['marks that turn the direction of text go', 'a\u202eb\u2066c', 'a b c'],
    ['a byte order mark goes', '\ufeffa', 'a'],
    ['other scripts stay', 'größer 漢字 🙂', 'größer 漢字 🙂'],
  ])('%s', (_, given, expected) => {
    expect(printable(bytes(given), 1024)).toBe(expected);
  });

  test('bytes that are no UTF-8 are replaced', () => {
    expect(printable(Uint8Array.of(0x61, 0xff, 0x62), 1024)).toBe('a\ufffdb');
  });

  test.each([
    ['aé', 2, 'a'],
    ['aé', 3, 'aé'],
    ['🙂🙂', 7, '🙂'],
    ['🙂', 3, ''],
    ['abc', 0, ''],
    ['abc', -1, ''],
  ])('%s is cut to %d bytes at a character', (given, max, expected) => {
    expect(printableText(given, max)).toBe(expected);
  });

  test('is one line within the bound, and a prefix of the whole', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(100), (body, max) => {
        const text = printable(body, max);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(max);
        expect(text).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        expect(printable(body, 10_000).startsWith(text)).toBe(true);
      }),
    );
  });
});

describe('secrets', () => {
  test.each([
    ['as they are', 'you sent hunter22!', 'hunter22', 'you sent ***!'],
    ['more than once', 'hunter22 hunter22', 'hunter22', '*** ***'],
    ['as JSON shows them', '{"token":"a\\"bcd"}', 'a"bcd', '{"token":"***"}'],
    ['as a URL shows them', 'q=a%20bcd', 'a bcd', 'q=***'],
    ['where the text ends within one', 'you sent hunte', 'hunter22', 'you sent ***'],
    ['with a lone surrogate', 'x abc\ud800 y', 'abc\ud800', 'x *** y'],
  ])('are masked %s', (_, text, secret, expected) => {
    expect(printableText(text, 1024, [secret])).toBe(expected);
  });

  test('are masked before the text is cut', () => {
    expect(printableText('abc hunter22', 9, ['hunter22'])).toBe('abc ***');
  });

  test('are masked whole where one contains another', () => {
    expect(printableText('hunter22', 1024, ['hunter', 'hunter22'])).toBe('***');
  });

  test('that are very short are not looked for', () => {
    expect(printableText('a cat', 1024, ['a', ''])).toBe('a cat');
  });

  test('never show, wherever they stand and the text is cut', () => {
    const secret = fc.stringMatching(/^[A-Z]{8,20}$/);
    fc.assert(
      fc.property(
        secret,
        fc.stringMatching(/^[a-z ]{0,40}$/),
        fc.stringMatching(/^[a-z ]{0,40}$/),
        fc.nat(100),
        fc.nat(100),
        (key, before, after, read, max) => {
          const text = printableText(`${before}${key}${after}`.slice(0, read), max, [key]);
          expect(text).not.toContain(key.slice(0, 4));
        },
      ),
    );
  });
});
