import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { provideBinaries } from './binaries.ts';
import { cachedFileName, programNames, programs } from './programs.ts';
import { progressTo } from './progress.ts';
import { temporaryFolder } from './scratch.ts';

let folder: string;
let cacheHome: string;
let path: string;
let told: string;

beforeEach(() => {
  folder = temporaryFolder('binaries');
  cacheHome = join(folder, 'cache');
  path = join(folder, 'path');
  mkdirSync(path);
  told = '';
});

const progress = progressTo({
  write: (text) => {
    told += text;
  },
});

function script(file: string, body: string): string {
  writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return file;
}

function cached(name: (typeof programNames)[number]): string {
  const bin = join(cacheHome, 'webhook-operator', 'bin');
  mkdirSync(bin, { recursive: true });
  return script(join(bin, cachedFileName(name)), 'exit 0');
}

function environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: `${path}:/usr/bin:/bin`, XDG_CACHE_HOME: cacheHome, ...more };
}

describe('a program', () => {
  test('is taken from the folder that controller tests name by convention, when it is there', async () => {
    const assets = join(folder, 'assets');
    mkdirSync(assets);
    const etcd = script(join(assets, 'etcd'), 'exit 0');
    const kubectl = cached('kubectl');
    const env = environment({ KUBEBUILDER_ASSETS: assets });
    expect(await provideBinaries(['etcd', 'kubectl'], { env, progress })).toEqual({ etcd, kubectl });
    expect(told).toBe('');
  });

  test.each([
    ['v2.14.0', true],
    ['v2.15.2', true],
    ['v3.0.0-beta', true],
    ['v2.13.9', false],
    ['of unknown age', false],
  ])('nats-server %s on PATH is used: %s', async (version, used) => {
    const own = cached('nats-server');
    script(join(path, 'nats-server'), `echo "nats-server: ${version}"`);
    const { 'nats-server': command } = await provideBinaries(['nats-server'], { env: environment(), progress });
    expect(command).toBe(used ? 'nats-server' : own);
  });

  test('is built when it is nowhere, and appears in the cache complete', async () => {
    script(
      join(path, 'go'),
      `case $1 in
         env) echo go1.26.0 ;;
         list) echo "go: downloading example.test v1.0.0" >&2; echo one; echo two ;;
         build)
           test -f go.mod && test "$GOTOOLCHAIN" = local || exit 1
           echo one >&2
           while [ "$1" != -o ]; do shift; done
           echo built >"$2" ;;
       esac`,
    );
    writeFileSync(`${cached('kubectl')}.123.part`, 'left by an interrupted build');
    const { etcd } = await provideBinaries(['etcd'], { env: environment(), progress });
    expect(readdirSync(join(etcd, '..'))).toEqual([cachedFileName('etcd'), cachedFileName('kubectl')]);
    expect(readdirSync(join(cacheHome, 'webhook-operator'))).toEqual(['bin']);
    expect(told).toContain(`[1/1] etcd ${programs.etcd.version}: built in 0s`);
  });

  test('that can not be built leaves nothing behind, and the end of the output tells why', async () => {
    script(
      join(path, 'go'),
      `case $1 in
         env) echo go1.27.1 ;;
         *) i=0; while [ $i -lt 30 ]; do i=$((i + 1)); echo "reason $i" >&2; done; exit 1 ;;
       esac`,
    );
    const build = provideBinaries(['helm'], { env: environment(), progress });
    await expect(build).rejects.toThrow(/can't build helm\.sh[\s\S]*reason 11\n[\s\S]*reason 30$/);
    await expect(build).rejects.not.toThrow('reason 10\n');
    expect(readdirSync(join(cacheHome, 'webhook-operator'))).toEqual([]);
  });
});

test.each(programNames)('the module that %s is built in pins its version', (name) => {
  const { module, version } = programs[name];
  expect(module).toContain(`v${version}`);
  expect(module).not.toContain('latest');
  expect(cachedFileName(name)).toMatch(new RegExp(`^${name}-${version.replaceAll('.', '\\.')}-[0-9a-f]{8}$`));
});
