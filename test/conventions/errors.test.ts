import { expect, test } from 'vitest';
import { projectFiles, readProjectFile } from './project-files.ts';

const sources = projectFiles().filter((path) => /^(src|test)\/.*\.ts$/.test(path) && !path.endsWith('.test.ts'));
const classes = sources.flatMap((path) =>
  [...readProjectFile(path).matchAll(/^(?:export )?class (\w+) extends OperatorError \{\n(.*)$/gm)].map(
    ([, name = '', firstLine = '']) => ({ path, name, code: /^ {2}readonly code = '(.+)';$/.exec(firstLine)?.[1] }),
  ),
);
const documented = [...readProjectFile('docs/errors.md').matchAll(/^\| `(WHO_\w+)` \|/gm)].map(([, code = '']) => code);

test('every class of errors begins with its code', () => {
  expect(classes.length).toBeGreaterThan(10);
  for (const { name, code } of classes) expect(code, name).toMatch(/^WHO_[A-Z]+(_[A-Z]+)*$/);
});

test('every class of errors is named as one', () => {
  expect(classes.filter(({ name }) => !name.endsWith('Error')).map(({ name }) => name)).toEqual([]);
});

test('no two classes of errors share a code', () => {
  const codes = classes.map(({ code }) => code);
  expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
});

test('docs/errors.md lists every code of the operator and of the local cluster once, and no other', () => {
  const shown = classes.filter(({ path }) => /^(src|test\/cluster)\//.test(path));
  const codes: string[] = shown.map(({ code = '' }) => code);
  expect(documented.toSorted()).toEqual(codes.toSorted());
});

test('every code that a page mentions exists', () => {
  const known = new Set(classes.map(({ code }) => code));
  const mentioned = projectFiles()
    .filter((path) => /\.(md|yaml)$/.test(path))
    .flatMap((path) => [...readProjectFile(path).matchAll(/\bWHO_[A-Z_]+\b/g)].map(([code]) => ({ path, code })));
  expect(mentioned.filter(({ code }) => !known.has(code))).toEqual([]);
});
