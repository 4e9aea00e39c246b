import { spawn } from 'node:child_process';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TestClusterError } from './errors.ts';
import type { Program } from './programs.ts';
import { spoken, type Progress } from './progress.ts';
import { temporaryFolder } from './scratch.ts';

export interface BuildOptions {
  readonly go: string;
  /** Go's caches go in here unless the environment names others. */
  readonly cache: string;
  /** The finished program. */
  readonly target: string;
  /** What the progress lines begin with, for example `[2/5] etcd 3.6.16`. */
  readonly label: string;
  readonly progress: Progress;
  readonly env: NodeJS.ProcessEnv;
}

/** Builds one program. The target appears complete or not at all. Throws TestClusterError with the end of Go's output. */
export async function buildProgram(program: Program, options: BuildOptions): Promise<void> {
  const { label, progress, target } = options;
  const folder = temporaryFolder('build');
  const part = `${target}.${process.pid}.part`;
  const began = performance.now();
  const show = (state: string) => {
    const elapsed = spoken(performance.now() - began);
    progress.at(`${label}: ${state}, ${elapsed} of about ${spoken(program.expectedMs)}`);
  };
  const run = (args: readonly string[], line: (text: string) => void) =>
    runGo(options, folder, args, line).catch((cause: unknown) => {
      throw new TestClusterError(`can't build ${program.package} ${program.version}: ${String(cause)}`, { cause });
    });
  try {
    progress.say(`${label}: building, the first time takes about ${spoken(program.expectedMs)} on two cores`);
    await writeFile(join(folder, 'go.mod'), program.module);

    let downloads = 0;
    const deps = await run(['list', '-deps', program.package], (text) => {
      if (!text.startsWith('go: downloading')) return;
      downloads += 1;
      show(`${downloads} modules downloaded`);
    });
    let compiled = 0;
    const variables = Object.entries(program.variables).map(([name, value]) => `-X ${name}=${value}`);
    const ldflags = ['-s', '-w', ...variables].join(' ');
    await mkdir(join(target, '..'), { recursive: true });
    await run(['build', '-v', `-ldflags=${ldflags}`, '-o', part, program.package], (text) => {
      if (text.startsWith('go: ')) return;
      compiled += 1;
      show(`${compiled} of at most ${deps} packages compiled`);
    });
    await rename(part, target);
    progress.say(`${label}: built in ${spoken(performance.now() - began)}`);
  } finally {
    await rm(part, { force: true });
  }
}

/** Runs Go in `folder`; `line` gets its messages. Resolves with the number of lines on its standard output. */
function runGo(
  options: BuildOptions,
  folder: string,
  args: readonly string[],
  line: (text: string) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(options.go, args, {
      cwd: folder,
      env: goEnvironment(options),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const last: string[] = [];
    let answers = 0;
    createInterface({ input: child.stdout }).on('line', () => {
      answers += 1;
    });
    createInterface({ input: child.stderr }).on('line', (text) => {
      last.push(text);
      if (last.length > 20) last.shift();
      line(text);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(answers);
      else reject(new TestClusterError(`go ${args[0] ?? ''} failed. Its last lines:\n${last.join('\n')}`));
    });
  });
}

function goEnvironment(options: BuildOptions): NodeJS.ProcessEnv {
  // A GOROOT from elsewhere would not fit the Go that we run.
  const { GOROOT: _, ...env } = options.env;
  const own = env['GOMODCACHE'] === undefined;
  return {
    ...env,
    GOCACHE: env['GOCACHE'] ?? join(options.cache, 'go-build'),
    GOMODCACHE: env['GOMODCACHE'] ?? join(options.cache, 'go-modules'),
    GOTOOLCHAIN: 'local',
    GOWORK: 'off',
    // `-modcacherw`: so that who removes the cache folder needs no chmod first.
    GOFLAGS: `-mod=mod -trimpath -buildvcs=false${own ? ' -modcacherw' : ''}`,
    // Needs no C compiler, and the result runs on any libc.
    CGO_ENABLED: '0',
  };
}
