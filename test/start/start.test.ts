import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { temporaryFolder } from '../cluster/scratch.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const clean: (() => void)[] = [];

afterEach(() => {
  for (const each of clean.splice(0)) each();
});

/** `npm start`, in a process group of its own as a terminal gives it, with all that it writes in one folder. */
function startDemo() {
  const folder = temporaryFolder('start');
  const child = spawn('npm', ['start'], {
    cwd: root,
    detached: true,
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const listeners = new Set<() => void>();
  const onData = (chunk: Buffer) => {
    output += chunk.toString();
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', onData);
  child.stderr.on('data', onData);
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const { pid } = child;
  if (pid === undefined) throw new Error('npm could not be started');
  /** What Ctrl-C in the terminal does. */
  const signal = (name: NodeJS.Signals) => process.kill(-pid, name);
  clean.push(() => {
    if (child.exitCode === null && child.signalCode === null) signal('SIGKILL');
  });
  return {
    folder,
    exited,
    interrupt: () => signal('SIGINT'),
    output: () => output,
    /** Resolves with the match once the output after `from` has one. */
    untilPrinted: (pattern: RegExp, timeoutMs = 60_000, from = 0) =>
      new Promise<RegExpExecArray>((resolve, reject) => {
        const check = () => {
          const match = pattern.exec(output.slice(from));
          if (match === null) return;
          clearTimeout(timer);
          listeners.delete(check);
          resolve(match);
        };
        const timer = setTimeout(() => {
          listeners.delete(check);
          reject(new Error(`${pattern} was not printed within ${timeoutMs} ms:\n${output}`));
        }, timeoutMs);
        listeners.add(check);
        check();
      }),
  };
}

/** Command lines of the processes that work on what lies in `folder`. */
function processesOf(folder: string): string[] {
  return processes().flatMap(({ line }) => (line.includes(folder) && !line.startsWith('ps ') ? [line] : []));
}

function processes(): { readonly pid: number; readonly line: string }[] {
  if (!existsSync('/proc/self/cmdline')) {
    const { stdout } = spawnSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' });
    return [...stdout.matchAll(/^ *(\d+) (.*)$/gm)].map(([, pid, line = '']) => ({ pid: Number(pid), line }));
  }
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      return [{ pid: Number(pid), line: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
    } catch {
      // It ended meanwhile.
      return [];
    }
  });
}

test('npm start delivers within seconds, what it proposes works, and Ctrl-C leaves nothing behind', async () => {
  const demo = startDemo();
  // Whoever runs this may have built nothing yet.
  const [, first] = await demo.untilPrinted(/First delivery after ([\d.]+) s/, 100_000);
  // Alone on two cores it takes 8 s; here other tests run beside it.
  expect(Number(first)).toBeLessThan(60);
  expect(demo.output()).toMatch(/example-signed +local +True +Delivering/);
  expect(processesOf(demo.folder).length).toBeGreaterThanOrEqual(4);

  const exported = [...demo.output().matchAll(/^ {2}export (\w+)=(\S+)/gm)].map(([, name, value]) => [name, value]);
  const env = { ...process.env, ...Object.fromEntries(exported) } as NodeJS.ProcessEnv;
  env['PATH'] = env['PATH']?.replace('$PATH', process.env['PATH'] ?? '');
  const proposed = [...demo.output().matchAll(/^ {7}((?:npm|kubectl) .+)$/gm)].map(([, command]) => command ?? '');
  expect(proposed).toHaveLength(7);
  const run = (command: string) => {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: root, env, encoding: 'utf8' });
    expect(status, `${command}\n${stdout}${stderr}`).toBe(0);
    return stdout;
  };
  const [publish, fail, publishMore, describe, ok, suspend, resume] = proposed as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];

  run(publish);
  await demo.untilPrinted(/200 {2}\/hooks {2}item\.created.*"id":3/);
  await demo.untilPrinted(/200 {2}\/hooks\/signed {2}item\.created.*"id":3/);
  run(fail);
  run(publishMore);
  await demo.untilPrinted(/500 {2}\/hooks {2}item\.created {2}attempt 4 .*"id":4/);
  await demo.untilPrinted(/^example +local +False +Disabled +12 +500 /m);
  expect(run(describe)).toContain('12 failed attempts in a row');
  run(ok);
  const before = demo.output().length;
  run(suspend);
  await demo.untilPrinted(/^example +local +False +Suspended /m, 60_000, before);
  run(resume);
  await demo.untilPrinted(/^example +local +True +Delivering /m, 60_000, before);
  await demo.untilPrinted(/(200 {2}\/hooks {2}item\.created .*"id":4[^]*){3}/, 60_000, before);
  const [, log = ''] = /tail -f (\S+)/.exec(demo.output()) ?? [];
  expect(readFileSync(log, 'utf8')).toContain('"msg":"Took a slot"');

  demo.interrupt();
  expect(await demo.exited).toEqual([0, null]);
  expect(demo.output()).toContain('Everything is stopped.');
  await expect.poll(() => processesOf(demo.folder), { timeout: 10_000 }).toEqual([]);
  await expect.poll(() => readdirSync(demo.folder).filter((name) => name.startsWith('webhook-operator-'))).toEqual([]);
}, 240_000);

test('an operator that ends by itself ends everything, and the end of its log is shown', async () => {
  const demo = startDemo();
  await demo.untilPrinted(/Three things to try/, 100_000);
  const operator = processes().find(({ line }) => line.includes('src/main.ts') && line.includes(demo.folder));
  if (operator === undefined) throw new Error(`no operator runs:\n${demo.output()}`);
  process.kill(operator.pid, 'SIGKILL');
  expect(await demo.exited).toEqual([1, null]);
  expect(demo.output()).toMatch(/the operator ended by itself .*SIGKILL.*\n\{"level"/);
  await expect.poll(() => processesOf(demo.folder), { timeout: 10_000 }).toEqual([]);
}, 240_000);

test('a taken port is replaced by another, and Ctrl-C while it starts ends it too', async () => {
  const server = createServer();
  // It may be somebody else's already, which is as good.
  await new Promise((resolve) => server.once('error', resolve).listen(8787, '127.0.0.1', () => resolve(undefined)));
  clean.push(() => server.close());
  const demo = startDemo();
  await demo.untilPrinted(/Port 8787 is not to be had .*use \d+ instead/);
  await demo.untilPrinted(/starting etcd, kube-apiserver and NATS/);
  demo.interrupt();
  const [code] = await demo.exited;
  expect(code).not.toBe(0);
  await expect.poll(() => processesOf(demo.folder), { timeout: 10_000 }).toEqual([]);
  await expect.poll(() => readdirSync(demo.folder).filter((name) => name.startsWith('webhook-operator-'))).toEqual([]);
});
