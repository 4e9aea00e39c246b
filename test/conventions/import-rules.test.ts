import { describe, expect, test } from 'vitest';
import { pureCore } from '../pure-core.ts';
import { rooms, sharedFiles, wiring, type Permission } from './import-rules.ts';
import { importsOf, type Import } from './imports.ts';
import { isProductSource, isTestSource, projectFiles, readProjectFile } from './project-files.ts';

const sources = projectFiles().filter(isProductSource);
const imports = new Map(sources.map((path) => [path, importsOf(path, readProjectFile(path))] as const));
const roomOf = (path: string): string => path.split('/')[1] ?? '';
const roomFiles = (room: string) => sources.filter((path) => path.startsWith(`src/${room}/`));

function covers(permission: Permission, path: string, { target, typesOnly }: Import): boolean {
  const { to, from } = permission;
  const matches = to.endsWith('/') ? target.startsWith(`src/${to}`) : target === to;
  const fromHere = from === undefined || from.includes(path.slice(`src/${roomOf(path)}/`.length));
  return matches && fromHere && (typesOnly || permission.typesOnly !== true);
}

/** Everything that is loaded when `path` is, with the way to it. */
function loadedBy(path: string): Map<string, string> {
  const ways = new Map<string, string>([[path, path]]);
  for (const [file, way] of ways) {
    for (const { target, typesOnly } of imports.get(file) ?? []) {
      if (!typesOnly && !ways.has(target)) ways.set(target, `${way} → ${target}`);
    }
  }
  ways.delete(path);
  return ways;
}

describe.each(Object.entries(rooms))('src/%s', (room, { may, neverReaches, mustNotKnow }) => {
  test(`imports what it may, and so does not know ${mustNotKnow}`, () => {
    const refused = roomFiles(room).flatMap((path) =>
      (imports.get(path) ?? [])
        .filter(({ target }) => !target.startsWith(`src/${room}/`) && !sharedFiles.includes(target))
        .filter((found) => !may.some((permission) => covers(permission, path, found)))
        .map(({ target, typesOnly }) => `${path} imports ${typesOnly ? 'types of ' : ''}${target}`),
    );
    expect(refused).toEqual([]);
  });

  test('reaches nothing of that through others either', () => {
    const reached = roomFiles(room).flatMap((path) =>
      [...loadedBy(path)]
        .filter(([target]) => neverReaches.some((name) => target === name || target.startsWith(`src/${name}`)))
        .map(([, way]) => way),
    );
    expect(reached).toEqual([]);
  });

  test('uses every permission that it has', () => {
    const used = (permission: Permission) =>
      roomFiles(room).some((path) => imports.get(path)?.some((found) => covers(permission, path, found)));
    expect(may.filter((permission) => !used(permission)).map(({ to }) => to)).toEqual([]);
  });
});

test('every folder of src has its rules', () => {
  const folders = new Set(sources.filter((path) => path.split('/').length > 2).map(roomOf));
  expect([...folders].toSorted()).toEqual(Object.keys(rooms).toSorted());
});

test('files outside the rooms are the shared ports and the wiring', () => {
  const outside = sources.filter((path) => path.split('/').length === 2);
  expect(outside.toSorted()).toEqual([...sharedFiles, ...wiring].toSorted());
});

test('shared ports import nothing of the rooms', () => {
  const found = sharedFiles.flatMap((path) => imports.get(path) ?? []).map(({ target }) => target);
  expect(found.filter((target) => target !== 'package.json')).toEqual([]);
});

test('nobody imports the wiring', () => {
  const importers = sources.filter((path) => imports.get(path)?.some(({ target }) => wiring.includes(target)));
  expect(importers.filter((path) => !wiring.includes(path))).toEqual([]);
});

test('the product imports nothing of its tests', () => {
  const found = sources.flatMap((path) =>
    (imports.get(path) ?? []).map(({ target }) => target).filter((target) => isTestSource(target)),
  );
  expect(found).toEqual([]);
});

describe('the pure core', () => {
  const harmless = ['node:crypto', 'package.json', 'zod', 'ipaddr.js', '@marcbachmann/cel-js'];

  test('is there', () => {
    expect(pureCore.filter((path) => !sources.includes(path))).toEqual([]);
  });

  test('loads nothing that does I/O', () => {
    const isModule = (target: string) => !target.startsWith('src/') && target !== 'package.json';
    // `isIP` and `BlockList` of node:net are arithmetic.
    const allowed = (path: string, target: string) =>
      harmless.includes(target) || (target === 'node:net' && /address-guard|option-(parsers|table)|options/.test(path));
    const found = pureCore.flatMap((path) =>
      [...loadedBy(path)].filter(([target]) => isModule(target) && !allowed(path, target)).map(([, way]) => way),
    );
    expect(found).toEqual([]);
  });

  test('takes its time from a clock', () => {
    const reads = /\b(Date\.now|performance\.now|setTimeout|setInterval|setImmediate)\(|new Date\(\)/;
    expect(pureCore.filter((path) => reads.test(readProjectFile(path)))).toEqual([]);
  });
});
