/**
 * Writes the CRDs into `crds/` (`npm run generate`). With `--check` it writes nothing and exits with 1 when a file is not
 * what it would write (`npm run generate:check`).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './generated-files.ts';

const root = new URL('../../', import.meta.url);
const check = process.argv.includes('--check');
let stale = 0;

for (const [path, content] of generatedFiles()) {
  const file = fileURLToPath(new URL(path, root));
  if (current(file) === content) continue;
  stale += 1;
  if (!check) writeFileSync(file, content);
  process.stdout.write(check ? `${path} is out of date: run "npm run generate"\n` : `wrote ${path}\n`);
}
process.exitCode = check && stale > 0 ? 1 : 0;

function current(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
