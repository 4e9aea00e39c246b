import { open, mkdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Progress } from './progress.ts';

/**
 * Where built programs are kept between runs, outside of the clone: `$XDG_CACHE_HOME/webhook-operator`, by default
 * `~/.cache/webhook-operator`. It may be removed at any time; the next run fills it again.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'webhook-operator');
}

const beat = 2_000;
const staleAfter = 30_000;

/**
 * Runs `work` while no other process does so for the same cache. A holder that died is found out at
 * once by its process id, and by the age of the file, which it touches all the time, where that can't be asked: in another
 * container that shares the folder. The lock only saves double work:
 * files get into the cache by an atomic rename, so two holders at once would do no harm.
 */
export async function withCacheLock<T>(folder: string, progress: Progress, work: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'lock');
  const mine = `${process.pid} ${hostname()} ${crypto.randomUUID()}\n`;
  for (let waited = false; !(await create(file, mine)); waited = true) {
    if (!waited) progress.say('another process is filling the cache; waiting for it');
    if (await isAbandoned(file)) await rm(file, { force: true });
    else await delay(500);
  }
  const timer = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, beat);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    if ((await readFile(file, 'utf8').catch(() => '')) === mine) await rm(file, { force: true });
  }
}

async function create(file: string, content: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx');
    await handle.writeFile(content);
    await handle.close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function isAbandoned(file: string): Promise<boolean> {
  try {
    const [pid, host] = (await readFile(file, 'utf8')).split(' ');
    if (host === hostname() && !isAlive(Number(pid))) return true;
    return Date.now() - (await stat(file)).mtimeMs > staleAfter;
  } catch {
    // It went while we looked.
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
