import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const program = `
  import { startProcess } from ${JSON.stringify(new URL('processes.ts', import.meta.url).href)};
  import { temporaryFolder } from ${JSON.stringify(new URL('scratch.ts', import.meta.url).href)};
  const folder = temporaryFolder('work');
  const start = (seconds) => startProcess({ name: 'sleep', command: 'sleep', args: [seconds], logFile: folder + '/log' });
  const ended = await start('0');
  await ended.exited;
  const running = await start('600');
  console.log(JSON.stringify({ folder, pid: running.pid }));
`;

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test.each([
  ['ends', 'process.exit(0)'],
  ['throws', 'throw new Error("planned")'],
  ['is killed', 'process.kill(process.pid, "SIGKILL")'],
])('what a process started and wrote goes with it when it %s', async (_how, end) => {
  const run = promisify(execFile)(process.execPath, ['--input-type=module-typescript', '--eval', `${program}\n${end}`]);
  const { stdout } = await run.catch((error: unknown) => error as { readonly stdout: string });
  const { folder, pid } = JSON.parse(stdout) as { readonly folder: string; readonly pid: number };
  await expect.poll(() => [isAlive(pid), existsSync(folder)], { timeout: 10_000 }).toEqual([false, false]);
});
