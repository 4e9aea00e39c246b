import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, withCacheLock } from './cache-folder.ts';
import { buildProgram } from './go-build.ts';
import { provideGo } from './go-toolchain.ts';
import { cachedFileName, programs, type ProgramName } from './programs.ts';
import { progressTo, spoken, type Progress } from './progress.ts';

export interface ProvideOptions {
  readonly progress?: Progress;
  /** Defaults to this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Paths of the named programs. In this order: `KUBEBUILDER_ASSETS` (etcd, kube-apiserver, kubectl), `PATH` (nats-server 2.14 or newer), the
 * cache, else built from their public Go modules into the cache, which takes minutes the first time and tells how far it is.
 * Throws TestClusterError when one can't be built.
 */
export async function provideBinaries<Name extends ProgramName>(
  names: readonly Name[],
  options: ProvideOptions = {},
): Promise<Readonly<Record<Name, string>>> {
  const env = options.env ?? process.env;
  const cache = cacheFolder(env);
  const target = (name: ProgramName) => join(cache, 'bin', cachedFileName(name));
  const found = new Map<Name, string>();
  for (const name of names) {
    const outside = await outsideOfCache(name, env);
    if (outside !== undefined) found.set(name, outside);
    else if (existsSync(target(name))) found.set(name, target(name));
  }
  if (found.size < new Set(names).size) {
    const progress = options.progress ?? progressTo();
    await withCacheLock(cache, progress, async () => {
      await removeParts(cache);
      // Another process may have built them while this one waited for the lock.
      const missing = names.filter((name) => !found.has(name) && !existsSync(target(name)));
      await build(missing, cache, target, progress, env);
    });
    for (const name of names) if (!found.has(name)) found.set(name, target(name));
  }
  return Object.fromEntries(found) as Record<Name, string>;
}

/** What an interrupted build or download left. Nobody else is at work: the caller holds the lock. */
async function removeParts(cache: string): Promise<void> {
  for (const folder of [cache, join(cache, 'bin')]) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((name) => name.endsWith('.part'))) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
  }
}

async function build(
  names: readonly ProgramName[],
  cache: string,
  target: (name: ProgramName) => string,
  progress: Progress,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  if (names.length === 0) return;
  const expected = names.reduce((sum, name) => sum + programs[name].expectedMs, 0);
  progress.say(`building ${names.join(', ')} into ${cache}: about ${spoken(expected)} on two cores, only this once`);
  const go = await provideGo(cache, progress, env);
  for (const [index, name] of names.entries()) {
    const label = `[${index + 1}/${names.length}] ${name} ${programs[name].version}`;
    await buildProgram(programs[name], { go, cache, target: target(name), label, progress, env });
  }
}

async function outsideOfCache(name: ProgramName, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (name === 'nats-server') return (await suitableNatsServer(env)) ? name : undefined;
  const assets = env['KUBEBUILDER_ASSETS'];
  if (name === 'helm' || assets === undefined || assets === '') return undefined;
  const path = join(assets, name);
  return existsSync(path) ? path : undefined;
}

function suitableNatsServer(env: NodeJS.ProcessEnv): Promise<boolean> {
  return new Promise((resolve) => {
    execFile('nats-server', ['--version'], { env }, (error, stdout) => {
      const [, major, minor] = /v(\d+)\.(\d+)\./.exec(stdout) ?? [];
      resolve(error === null && (Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 14)));
    });
  });
}
