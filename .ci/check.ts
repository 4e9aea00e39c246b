/**
 * `npm run check`: every check that reads the project without running it; import rules and other conventions are unit tests
 * (`test/conventions`). All of them run, so that one look shows everything; exits with 1 when one failed. Arguments: names
 * of the checks to run instead.
 */
import { spawn } from 'node:child_process';

const all = ['format:check', 'typecheck', 'lint', 'deadcode', 'generate:check'];
const wanted = process.argv.length > 2 ? process.argv.slice(2) : all;

const failed: string[] = [];
for (const name of wanted) {
  console.log(`\n== ${name}`);
  const begin = performance.now();
  const code = await runScript(name);
  if (code !== 0) failed.push(name);
  console.log(
    `${code === 0 ? 'ok' : `failed (exit code ${code})`}, ${((performance.now() - begin) / 1000).toFixed(1)} s`,
  );
}
if (failed.length > 0) {
  console.error(`\nFailed: ${failed.join(', ')}. Run one alone with "npm run <name>"; "npm run format" formats.`);
  process.exitCode = 1;
}

function runScript(name: string): Promise<number> {
  const child = spawn('npm', ['run', '--silent', name], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
