import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provideBinaries } from './cluster/binaries.ts';
import { cacheFolder } from './cluster/cache-folder.ts';
import { messageOf } from '../src/errors.ts';
import { programNames, programs } from './cluster/programs.ts';
import { countTests } from './test-counts.ts';

// `npm test`: provides the real parts, then runs the unit tests with the coverage of the pure core, then the tests on real
// parts. With arguments (`npm test -- test/api`) it runs vitest once with those, without coverage.
const parts = programNames.map((name) => `${name} ${programs[name].version}`).join(', ');
console.log(`Node ${process.versions.node}; real parts for the integration tests: ${parts}.`);
console.log(`They are taken from PATH or KUBEBUILDER_ASSETS where those have them, else from ${cacheFolder()}.`);

try {
  await provideBinaries(programNames);
} catch (error) {
  console.error(messageOf(error));
  process.exit(1);
}

const root = fileURLToPath(new URL('..', import.meta.url));
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const reports = mkdtempSync(join(tmpdir(), 'webhook-operator-reports-'));
const args = process.argv.slice(2);
const runs =
  args.length > 0
    ? [args]
    : [
        ['--project', 'unit', '--coverage'],
        ['--project', 'integration'],
      ];
const files = runs.map((_run, index) => join(reports, `${index}.json`));
try {
  for (const [index, run] of runs.entries()) {
    const code = await runVitest([
      ...run,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${files[index]}`,
    ]);
    if (code !== 0) process.exitCode = code;
    // Stopped by a signal: nobody waits for the rest.
    if (code > 128) break;
  }
  const counts = countTests(files.map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined)));
  if (counts.failed > 0) process.exitCode ||= 1;
  else if (process.exitCode)
    console.error('\nNo test failed, but the run did: see above (coverage, or an error outside of tests).');
  console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
} finally {
  rmSync(reports, { recursive: true, force: true });
}

function runVitest(vitestArgs: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [vitest, 'run', '--config', 'test/vitest.config.ts', ...vitestArgs], {
    cwd: root,
    stdio: 'inherit',
  });
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(code ?? (signal === null ? 1 : 129));
    });
  });
}
