import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, LineTooLongError } from './line-splitter.ts';

/** Cuts `bytes` at the given positions. */
function cut(bytes: Uint8Array, positions: readonly number[]): Uint8Array[] {
  const bounds = [0, ...positions.map((p) => p % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return bounds.slice(1).map((end, index) => bytes.subarray(bounds[index], end));
}

describe('LineSplitter', () => {
  it('returns the same lines wherever the stream is cut, also inside a character', () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => JSON.stringify({ text }));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), fc.array(fc.nat(2000), { maxLength: 12 }), (lines, positions) => {
        const splitter = new LineSplitter();
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        expect(cut(bytes, positions).flatMap((chunk) => splitter.push(chunk))).toEqual(lines);
      }),
    );
  });

  it('keeps an unfinished last line back', () => {
    const splitter = new LineSplitter();
    expect(splitter.push(Buffer.from('one\ntw'))).toEqual(['one']);
    expect(splitter.push(Buffer.from('o\n'))).toEqual(['two']);
  });

  it('skips empty lines and carriage returns', () => {
    expect(new LineSplitter().push(Buffer.from('\r\n\none\r\n'))).toEqual(['one']);
  });

  it('refuses a line above the cap, over several chunks and within one', () => {
    const overChunks = new LineSplitter(4);
    overChunks.push(Buffer.from('abc'));
    expect(() => overChunks.push(Buffer.from('de'))).toThrow(LineTooLongError);
    expect(() => new LineSplitter(4).push(Buffer.from('abcde\n'))).toThrow('longer than 4 bytes');
    expect(new LineSplitter(4).push(Buffer.from('abcd\nefgh\n'))).toEqual(['abcd', 'efgh']);
  });
});
