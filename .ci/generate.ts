/** Writes the files of `generated-files.ts` (`npm run generate`); with `--check` only compares, and exits with 1 on a difference. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './generated-files.ts';

const check = process.argv.includes('--check');
for (const [path, content] of generatedFiles()) {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
  if (existsSync(file) && readFileSync(file, 'utf8') === content) continue;
  if (check) {
    process.exitCode = 1;
    process.stdout.write(`${path} is out of date: run "npm run generate"\n`);
    continue;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  process.stdout.write(`wrote ${path}\n`);
}
