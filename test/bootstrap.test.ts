import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from './cluster/scratch.ts';

let project: string;

/** A project with one dependency that needs no network, the bootstrap, and a program for it to run. */
beforeEach(() => {
  project = temporaryFolder('project');
  mkdirSync(join(project, 'local'));
  writeJson('local/package.json', { name: 'local', version: '1.0.0' });
  const root = { name: 'project', version: '1.0.0', dependencies: { local: 'file:local' } };
  writeJson('package.json', root);
  writeJson('package-lock.json', {
    name: 'project',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: {
      '': root,
      local: { version: '1.0.0' },
      'node_modules/local': { resolved: 'local', link: true },
    },
  });
  mkdirSync(join(project, 'test'));
  cpSync(fileURLToPath(new URL('bootstrap.mjs', import.meta.url)), join(project, 'test', 'bootstrap.mjs'));
  writeFileSync(
    join(project, 'program.ts'),
    `const [mode, ...rest]: string[] = process.argv.slice(2);
     if (mode === 'wait') {
       setInterval(() => undefined, 1000);
       process.on('SIGTERM', () => process.exit(7));
     }
     // Only now: the test sends its signal when it reads this.
     console.log(JSON.stringify({ mode, rest, path: process.env['PATH']?.split(':')[0] }));
     if (mode === 'die') process.kill(process.pid, 'SIGKILL');
     else if (mode !== 'wait') process.exitCode = 3;`,
  );
});

function writeJson(path: string, content: unknown): void {
  writeFileSync(join(project, path), JSON.stringify(content));
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bootstrap(args: readonly string[], onOutput: (kill: () => void) => void = () => undefined): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(project, 'test', 'bootstrap.mjs'), ...args]);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.includes('"mode"')) onOutput(() => child.kill('SIGTERM'));
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}

test('the dependencies are installed at the first start and again when the lock file changes', async () => {
  const first = await bootstrap(['program.ts', 'a', '--b']);
  expect(first.stderr).toContain('npm ci');
  expect(first.code).toBe(3);
  const line = first.stdout.split('\n').find((text) => text.includes('"mode"'));
  expect(JSON.parse(line ?? '')).toEqual({ mode: 'a', rest: ['--b'], path: join(project, 'node_modules', '.bin') });

  const second = await bootstrap(['program.ts']);
  expect(second.stderr).not.toContain('npm ci');

  writeFileSync(join(project, 'package-lock.json'), '\n', { flag: 'a' });
  const soon = new Date(Date.now() + 1000);
  utimesSync(join(project, 'package-lock.json'), soon, soon);
  const third = await bootstrap(['program.ts']);
  expect(third.stderr).toContain('npm ci');
});

test('what npm installed by itself counts', async () => {
  mkdirSync(join(project, 'node_modules'));
  writeJson('node_modules/.package-lock.json', {});
  expect((await bootstrap(['program.ts'])).stderr).not.toContain('npm ci');
});

test('a failed installation ends it with the exit code of npm', async () => {
  writeJson('package-lock.json', { lockfileVersion: 3, packages: {} });
  const outcome = await bootstrap(['program.ts']);
  expect(outcome.code).not.toBe(0);
  expect(outcome.stderr).toContain('npm ci failed');
  expect(outcome.stdout).not.toContain('"mode"');
});

test('signals are passed on, and the exit code comes back', async () => {
  mkdirSync(join(project, 'node_modules'));
  writeJson('node_modules/.package-lock.json', {});
  expect(
    (
      await bootstrap(['program.ts', 'wait'], (kill) => {
        kill();
      })
    ).code,
  ).toBe(7);
  expect((await bootstrap(['program.ts', 'die'])).code).toBe(137);
});

test('without a file it says how it is used', async () => {
  expect(await bootstrap([])).toMatchObject({ code: 1, stderr: expect.stringContaining('usage:') as string });
});
