import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * What this process starts and writes must go with it, also when it is killed with SIGKILL (test runners do that to
 * their workers). Only somebody else can see to that: a shell that waits for the end of its standard input, then kills
 * the processes still on its list and removes the folder.
 */
const reaperScript = `
pids=
while read -r verb pid; do
  case $verb in
    add) pids="$pids $pid" ;;
    drop) kept=; for p in $pids; do [ "$p" = "$pid" ] || kept="$kept $p"; done; pids=$kept ;;
  esac
done
[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
for attempt in 1 2 3 4 5; do rm -rf "$1" 2>/dev/null && break; sleep 0.2; done
`;

interface Scratch {
  readonly folder: string;
  readonly reaper: ChildProcess;
}

let current: Scratch | undefined;
let folders = 0;

function scratch(): Scratch {
  if (current !== undefined) return current;
  const folder = mkdtempSync(join(tmpdir(), 'webhook-operator-'));
  // A group of its own, so that Ctrl-C in the terminal does not end it before its work.
  const reaper = spawn('/bin/sh', ['-c', reaperScript, 'reaper', folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  reaper.unref();
  const input = reaper.stdin;
  if (input !== null && 'unref' in input && typeof input.unref === 'function') input.unref();
  reaper.stdin?.on('error', () => undefined);
  current = { folder, reaper };
  return current;
}

/** A new empty folder in the system's temporary folder. It is removed when this process ends, however it ends. */
export function temporaryFolder(name: string): string {
  folders += 1;
  const folder = join(scratch().folder, `${name}-${folders}`);
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

/** From now on `pid` is killed when this process ends, however it ends. Call {@link release} once it has exited. */
export function adopt(pid: number): void {
  scratch().reaper.stdin?.write(`add ${pid}\n`);
}

/** Takes back {@link adopt}: the number may soon belong to somebody else's process. */
export function release(pid: number): void {
  scratch().reaper.stdin?.write(`drop ${pid}\n`);
}
