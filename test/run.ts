import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { provideBinaries } from './cluster/binaries.ts';
import { cacheFolder } from './cluster/cache-folder.ts';
import { messageOf } from '../src/errors.ts';
import { programNames, programs } from './cluster/programs.ts';

// `npm test`: provides the real parts, then runs vitest with the arguments given; without a project among them all but `failure`.
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
const given = process.argv.slice(2);
const projects = given.some((argument) => argument.startsWith('--project')) ? [] : ['--project', '!failure'];
const args = [vitest, 'run', '--config', 'test/vitest.config.ts', ...projects, ...given];
const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => child.kill(signal));
}
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
