import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What is not the project's: dependencies, what is built, what tools write. As in `.gitignore`, and git's own folder. */
const ignored = new Set(['.git', 'node_modules', 'dist', 'coverage']);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Paths of all files below the repository, sorted. */
export function projectFiles(): string[] {
  const files: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(root + folder, { withFileTypes: true })) {
      if (ignored.has(entry.name) || entry.name.endsWith('.log')) continue;
      const path = `${folder}${entry.name}`;
      if (entry.isDirectory()) walk(`${path}/`);
      else if (entry.isFile()) files.push(path);
    }
  };
  walk('');
  return files.toSorted();
}

export function readProjectFile(path: string): string {
  return readFileSync(root + path, 'utf8');
}

/** TypeScript that is part of the product: no tests, no helpers of tests. */
export function isProductSource(path: string): boolean {
  return path.startsWith('src/') && path.endsWith('.ts') && !isTestSource(path);
}

export function isTestSource(path: string): boolean {
  return path.startsWith('test/') || /\.(test|fixture)\.ts$|\/testing\//.test(path);
}
