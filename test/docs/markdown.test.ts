import { describe, expect, test } from 'vitest';
import { codeBlocks, tableRows } from './markdown.ts';

describe('codeBlocks', () => {
  test('finds language, info and text, also of an indented block', () => {
    const page = ['```sh notest reason="no"', 'a', '```', '- item', '  ```yaml', '  b:', '    c', '  ```'].join('\n');
    expect(codeBlocks('p', page)).toMatchObject([
      { line: 1, language: 'sh', info: 'notest reason="no"', text: 'a' },
      { line: 5, language: 'yaml', info: '', text: 'b:\n  c' },
    ]);
  });

  test('refuses a block without an end', () => {
    expect(() => codeBlocks('p', 'x\n```sh\na')).toThrow('p:2 opens a code block that never ends');
  });
});

describe('tableRows', () => {
  test('reads rows up to the end of the table, with escaped bars and empty cells', () => {
    const page = ['| a | b |', '| --- | --- |', '| 1 \\| 2 | |', '', '| 3 | 4 |'].join('\n');
    expect(tableRows(page, ['a', 'b'])).toEqual([{ a: '1 | 2', b: '' }]);
  });

  test('refuses a missing table and a row of another length', () => {
    expect(() => tableRows('', ['a'])).toThrow('no table');
    expect(() => tableRows('| a |\n| --- |\n| 1 | 2 |', ['a'])).toThrow('2 cells instead of 1');
  });
});
