import { posix } from 'node:path';

export interface Import {
  /** A path below the repository, or the name of a package (`zod`, `@scope/name`), or a built-in module (`node:fs`). */
  readonly target: string;
  /** Nothing of it is there when the program runs. */
  readonly typesOnly: boolean;
}

const statement = /^(?:import|export)\s+(type\s)?\s*([^'";]*?)\s*from\s+'([^']+)'/gm;
const bare = /^import\s+'([^']+)'/gm;
const dynamic = /\bimport\(\s*'([^']+)'\s*\)/g;

/** The imports and re-exports of a TypeScript file that is formatted as this project is. */
export function importsOf(path: string, source: string): Import[] {
  const found: Import[] = [];
  for (const [, type, names = '', specifier = ''] of source.matchAll(statement)) {
    found.push({ target: resolved(path, specifier), typesOnly: type !== undefined || allNamesAreTypes(names) });
  }
  for (const pattern of [bare, dynamic]) {
    for (const [, specifier = ''] of source.matchAll(pattern)) {
      found.push({ target: resolved(path, specifier), typesOnly: false });
    }
  }
  return found;
}

/** `{ type A, type B }`; a default or namespace import is a value. */
function allNamesAreTypes(names: string): boolean {
  const inner = /^\{(.*)\}$/s.exec(names)?.[1];
  if (inner === undefined) return false;
  const each = inner
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return each.every((name) => name.startsWith('type '));
}

function resolved(path: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier);
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
