import { expect, test } from 'vitest';
import { importsOf } from './imports.ts';

test.each([
  ["import { a } from './b.ts';", 'src/x/b.ts', false],
  ["import type { a } from '../y/b.ts';", 'src/y/b.ts', true],
  ["import { type A, type B } from '../y/b.ts';", 'src/y/b.ts', true],
  ["import { a, type B } from '../y/b.ts';", 'src/y/b.ts', false],
  ["import {\n  type A,\n  type B,\n} from '../y/b.ts';", 'src/y/b.ts', true],
  ["import {\n  a,\n  b,\n} from '../y/b.ts';", 'src/y/b.ts', false],
  ["export { a } from './b.ts';", 'src/x/b.ts', false],
  ["export type { A } from './b.ts';", 'src/x/b.ts', true],
  ["export * from './b.ts';", 'src/x/b.ts', false],
  ["import a, { type B } from 'zod';", 'zod', false],
  ["import * as z from 'zod/v4';", 'zod', false],
  ["import { a } from '@scope/name/part';", '@scope/name', false],
  ["import 'node:fs';", 'node:fs', false],
  ["const a = await import('node:fs/promises');", 'node:fs/promises', false],
  ["import manifest from '../../package.json' with { type: 'json' };", 'package.json', false],
])('%j', (source, target, typesOnly) => {
  expect(importsOf('src/x/a.ts', source)).toEqual([{ target, typesOnly }]);
});

test('two statements are two imports', () => {
  const source = "import { a } from 'zod';\nimport type { B } from './b.ts';\n\nexport const c = 1;\n";
  expect(importsOf('src/x/a.ts', source)).toEqual([
    { target: 'zod', typesOnly: false },
    { target: 'src/x/b.ts', typesOnly: true },
  ]);
});
