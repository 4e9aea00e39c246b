import { expect, test } from 'vitest';
import { rereadFile } from './reread-file.ts';

test('a file is read each time, and its last contents serve while it can not be read', () => {
  const contents = [Buffer.from('one'), Buffer.from('two'), new Error('gone'), Buffer.from('three')];
  const errors: unknown[] = [];
  const next = () => {
    const value = contents.shift();
    if (!Buffer.isBuffer(value)) throw value;
    return value;
  };
  const read = rereadFile('/x', next, (error) => errors.push(error));
  expect([read(), read(), read()].map(String)).toEqual(['two', 'two', 'three']);
  expect(errors).toEqual([new Error('gone')]);
});

test('a file that can not be read at first is an error', () => {
  const failing = () => {
    throw new Error('absent');
  };
  expect(() => rereadFile('/x', failing, () => undefined)).toThrow('absent');
});
