import { spawnSync } from 'node:child_process';
import { utimesSync, writeFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheFolder, withCacheLock } from './cache-folder.ts';
import { progressTo } from './progress.ts';
import { temporaryFolder } from './scratch.ts';

const silent = progressTo({ write: () => undefined });

test('the cache lies where the XDG convention has it', () => {
  expect(cacheFolder({ XDG_CACHE_HOME: '/somewhere' })).toBe('/somewhere/webhook-operator');
  expect(cacheFolder({})).toBe(join(homedir(), '.cache', 'webhook-operator'));
  expect(cacheFolder({ XDG_CACHE_HOME: '' })).toBe(join(homedir(), '.cache', 'webhook-operator'));
});

test('the cache is filled by one at a time, and by the next also after a failure', async () => {
  const folder = temporaryFolder('cache');
  const log: string[] = [];
  const work = (name: string, fails = false) =>
    withCacheLock(folder, silent, async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      log.push(`${name} ends`);
      if (fails) throw new Error('planned');
    });
  await Promise.allSettled([work('a', true), work('b'), work('c')]);
  expect(log).toHaveLength(6);
  for (let index = 0; index < log.length; index += 2) {
    expect(log[index + 1]).toBe(log[index]?.replace('begins', 'ends'));
  }
});

test.each([
  ['here', `${endedPid()} ${hostname()} x\n`, 0],
  ['in another container', `${process.pid} elsewhere x\n`, 60_000],
])('a lock whose holder died %s is taken over', async (_where, content, age) => {
  const folder = temporaryFolder('cache');
  const lock = join(folder, 'lock');
  writeFileSync(lock, content);
  const touched = new Date(Date.now() - age);
  utimesSync(lock, touched, touched);
  expect(await withCacheLock(folder, silent, () => Promise.resolve('done'))).toBe('done');
});

function endedPid(): number {
  return spawnSync(process.execPath, ['--version']).pid;
}
