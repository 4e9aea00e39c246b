import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectFiles, readProjectFile } from './project-files.ts';

const files = projectFiles();
const sources = files.filter((path) => /\.(ts|mjs)$/.test(path));
const linesOf = (path: string): string[] => readProjectFile(path).split('\n');
/** Files whose text has something of the pattern, with what it is. */
function matches(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    linesOf(path).flatMap((line, index) => {
      const found = pattern.exec(line)?.[0];
      return found === undefined ? [] : [`${path}:${index + 1}: ${found}`];
    }),
  );
}

describe('source files', () => {
  test('are named in kebab-case', () => {
    const folders = sources.flatMap((path) => path.split('/').slice(0, -1));
    const names = sources.map((path) => basename(path).replace(/(\.(test|fixture|config))?\.(ts|mjs)$/, ''));
    const kebab = /^\.?[a-z0-9]+(-[a-z0-9]+)*$/;
    expect([...new Set([...folders, ...names])].filter((name) => !kebab.test(name))).toEqual([]);
  });

  test('are about one thing: none is longer than 400 lines, and few than 300', () => {
    const lengths = sources.map((path) => ({ path, lines: linesOf(path).length - 1 }));
    expect(lengths.filter(({ lines }) => lines > 400)).toEqual([]);
    expect(lengths.filter(({ lines }) => lines > 300).length).toBeLessThan(lengths.length / 20);
  });

  test('have a name that says what is in them', () => {
    const empty = /(^|-)(utils?|helpers?|misc|common|stuff)(-|\.|$)/;
    expect(sources.filter((path) => path.split('/').some((part) => empty.test(part)))).toEqual([]);
  });

  test('export by name, but where a tool wants a default', () => {
    expect(matches(sources, /^export default\b/)).toEqual([
      expect.stringMatching(/^test\/vitest\.config\.ts:\d+: export default$/),
    ]);
  });

  test('silence no check and no test', () => {
    const silenced =
      /@ts-(ignore|nocheck|expect-error)|(oxlint|eslint)-disable|(v8|c8|istanbul) ignore|\b(test|it|describe)\.(skip|only|todo|fails)\b/;
    const here = 'test/conventions/source-style.test.ts';
    expect(
      matches(
        sources.filter((path) => path !== here),
        silenced,
      ),
    ).toEqual([]);
  });

  test('refer to pages that are there', () => {
    const pages = matches(
      sources.filter((path) => path.startsWith('src/')),
      /\bdocs\/[\w/-]+\.md\b/,
    );
    expect(pages.filter((found) => !files.includes(found.split(': ')[1] ?? ''))).toEqual([]);
  });

  test('leave no work for later in a comment', () => {
    expect(matches(sources, /\/\/ ?(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b/)).toEqual([]);
  });
});

describe('all files', () => {
  const texts = files.filter((path) => !/\.(png|ico|gz|zip)$/.test(path));

  test('are text with one line end at the end', () => {
    const broken = texts.filter((path) => {
      const text = readProjectFile(path);
      return text !== '' && (!text.endsWith('\n') || text.endsWith('\n\n') || text.includes('\r'));
    });
    expect(broken).toEqual([]);
  });

  test('name no folder of the machine that they were written on', () => {
    expect(matches(texts, /(^|[^\w.])\/(root|work|home|Users)\/[\w.]+/)).toEqual([]);
  });

  test('name no package registry, so that the one that is configured is used', () => {
    expect(matches(texts, /\b(registry\.(npmjs|yarnpkg|npmmirror)|npm\.pkg\.github|artifactory|verdaccio)\b/)).toEqual([
      // This list.
      expect.stringMatching(/^test\/conventions\/source-style\.test\.ts:/),
    ]);
    expect(readProjectFile('package-lock.json')).not.toContain('"resolved"');
  });

  test('pin every dependency exactly', () => {
    const manifest = JSON.parse(readProjectFile('package.json')) as Record<string, Record<string, string>>;
    const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'];
    const versions = kinds.flatMap((kind) => Object.entries(manifest[kind] ?? {}));
    expect(versions.length).toBeGreaterThan(0);
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});
