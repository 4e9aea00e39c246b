import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { version } from '../../src/version.ts';
import { freePort } from '../cluster/ports.ts';
import { temporaryFolder } from '../cluster/scratch.ts';
import { sharedControlPlane } from '../cluster/shared.ts';
import { startOperator, type OperatorProcess } from '../operator/operator-process.ts';
import { buildImage } from './image.ts';

const cluster = sharedControlPlane();
let bundle: string;
beforeAll(async () => {
  ({ bundle } = await buildImage());
});

const anyPort = ['--metrics-bind-address=127.0.0.1:0', '--health-probe-bind-address=127.0.0.1:0'];

interface Outcome {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the bundle to its end, with nothing in its environment but `env`. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const options = { env, cwd: temporaryFolder('run'), timeout: 20_000 };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [bundle, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal), stdout, stderr });
    });
    child.stdin?.end();
  });
}

test('prints its version and its flags', async () => {
  expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  const help = await run(['--help', '--nonsense']);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toContain('--nats-url <url>');
  expect(await run(['-h'])).toEqual(help);
});

test('names everything that is wrong with its configuration at once, and exits with 2', async () => {
  const env = { SHUTDOWN_TIMEOUT: 'soon', WATCH_NAMESPACES: 'Team_A' };
  const { code, stdout, stderr } = await run(['--partitions=0', '--nope', '--nats-url=http://nats', 'stray'], env);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  for (const what of ['--partitions', '--nope', '--nats-url', 'stray', 'SHUTDOWN_TIMEOUT', 'WATCH_NAMESPACES']) {
    expect(stderr).toContain(what);
  }
  expect(stderr).not.toContain('    at ');
});

test.each([
  ['a kubeconfig that is not there', () => ['--kubeconfig=/does/not/exist'], '/does/not/exist'],
  ['no way to the API server at all', () => [], 'there is no kubeconfig'],
  [
    'credentials that are not there',
    () => [`--kubeconfig=${cluster.kubeconfig}`, '--nats-creds=/does/not/exist'],
    '/does/not/exist',
  ],
])('exits with 2 and the reason for %s', async (_, args, reason) => {
  const preload = new URL('../helm/container-mounts.ts', import.meta.url);
  // Whoever runs the tests may do so in a pod.
  preload.searchParams.set('/var/run/secrets/kubernetes.io/serviceaccount', temporaryFolder('empty'));
  const home = temporaryFolder('home');
  const env = { HOME: home, NODE_OPTIONS: `--import=${preload.href}` };
  const { code, stdout } = await run([...anyPort, ...args()], env);
  expect({ code, stdout }).toEqual({ code: 2, stdout: expect.stringContaining(reason) as string });
});

/** Serves its probes, but gets no further: nobody listens where NATS should be. */
async function startWithoutNats(): Promise<OperatorProcess> {
  const natsUrl = `nats://localhost:${await freePort()}`;
  return startOperator({ entryPoint: bundle, kubeconfig: cluster.kubeconfig, natsUrl, waitUntilReady: false });
}

test('answers its probes within 2 s, is alive and not ready without NATS, and stops when told', async () => {
  const times: number[] = [];
  // The best of three: other work on the machine must not fail this.
  for (let round = 0; round < 3; round += 1) {
    const startedAt = performance.now();
    const operator = await startWithoutNats();
    times.push(performance.now() - startedAt);
    expect((await fetch(`${operator.probesUrl}/healthz`)).status).toBe(200);
    const ready = await fetch(`${operator.probesUrl}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([500, expect.stringContaining('nats failed: never connected')]);
    await operator.waitForLog('NATS could not be reached');
    expect(await operator.stop()).toEqual({ code: 0, signal: null });
  }
  expect(Math.min(...times)).toBeLessThan(2000);
});

test.runIf(existsSync('/proc/self/task'))('gives itself enough threads for name lookups', async () => {
  const operator = await startWithoutNats();
  await operator.waitForLog('NATS could not be reached');
  const threads = () => readdirSync(`/proc/${operator.pid}/task`).length;
  for (let waited = 0; threads() <= 64 && waited < 50; waited += 1) await delay(100);
  expect(threads()).toBeGreaterThan(64);
  await operator.kill();
});
