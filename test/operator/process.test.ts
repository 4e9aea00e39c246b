import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { optionRows } from '../../src/ops/option-table.ts';
import { metricDeclarations } from '../../src/ops/metric-declarations.ts';
import { version } from '../../src/version.ts';
import { freePort } from '../cluster/ports.ts';
import { temporaryFolder } from '../cluster/scratch.ts';
import { has, startWorld, type World } from './world.ts';

const entryPoint = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(async () => {
  await world.stop();
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the entry point until it ends by itself. */
function run(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { timeout: 20_000, env: { PATH: process.env['PATH'] } };
    execFile(process.execPath, [entryPoint, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test('help names every flag, and the version is the package’s', async () => {
  const help = await run('--help');
  for (const [, { flag, env }] of optionRows) expect(help.stdout).toMatch(new RegExp(`${flag} .*\n.*\n.*${env}`));
  expect(help.code).toBe(0);
  expect(await run('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test('bad configuration ends the process with 2, all problems named at once', async () => {
  const { code, stderr } = await run('--partitions=0', '--nats-url=http://x', '--nonsense=1', '--log-level=loud');
  expect(code).toBe(2);
  expect(stderr).toMatch(/^WHO_CONFIG_INVALID: /);
  for (const flag of ['--partitions', '--nats-url', '--nonsense', '--log-level']) expect(stderr).toContain(flag);
});

const local = ['--metrics-bind-address=127.0.0.1:0', '--health-probe-bind-address=127.0.0.1:0'];

test('a kubeconfig or a credentials file that can not be read ends the process with 2', async () => {
  const file = join(temporaryFolder('bad'), 'kubeconfig');
  writeFileSync(file, 'apiVersion: v1\nkind: Config\n');
  const kubeconfig = await run(...local, `--kubeconfig=${file}`, `--nats-url=${world.nats.url}`);
  expect(kubeconfig.code).toBe(2);
  expect(kubeconfig.stdout).toContain('WHO_KUBECONFIG_INVALID');
  const creds = await run(
    ...local,
    `--kubeconfig=${world.plane.kubeconfig}`,
    `--nats-url=${world.nats.url}`,
    '--nats-creds=/does/not/exist',
  );
  expect(creds.code).toBe(2);
  expect(creds.stdout).toContain('WHO_NATS_OPTIONS');
});

test('an address that is taken ends the process with 1', async () => {
  const { code, stdout } = await run(
    '--metrics-bind-address=127.0.0.1:0',
    `--health-probe-bind-address=127.0.0.1:${world.receiver.port}`,
    `--kubeconfig=${world.plane.kubeconfig}`,
    `--nats-url=${world.nats.url}`,
  );
  expect(code).toBe(1);
  expect(stdout).toContain('WHO_LISTEN_FAILED');
});

test('streams of an install with other partitions end the process, with the flag to start it with', async () => {
  const first = await world.startOperator({ name: 'first' });
  expect(await first.stop()).toEqual({ code: 0, signal: null });
  const { code, stdout } = await run(
    ...local,
    `--kubeconfig=${world.plane.kubeconfig}`,
    `--nats-url=${world.nats.url}`,
    '--partitions=8',
  );
  expect(code).toBe(2);
  expect(stdout).toContain('--partitions=16');
});

test('a process that waits for its servers is alive and not ready, and stops when told to', async () => {
  const port = await freePort();
  const operator = await world.startOperator({
    name: 'waiting',
    natsUrl: `nats://127.0.0.1:${port}`,
    waitUntilReady: false,
  });
  expect((await fetch(`${operator.probesUrl}/healthz`)).status).toBe(200);
  const ready = await fetch(`${operator.probesUrl}/readyz`);
  expect(ready.status).toBe(500);
  expect(await ready.text()).toContain('[-]nats failed');
  await operator.waitForLog('NATS could not be reached');
  expect(await operator.stop()).toEqual({ code: 0, signal: null });
});

test('a stop takes readiness away first, gives the Lease back, and a second signal ends it at once', async () => {
  const operator = await world.startOperator({ name: 'stopping' });
  await operator.waitForLog('Took a slot');
  const leases = async (): Promise<string> =>
    (await world.plane.kubectl('get', 'leases', '-n', 'default', '-o', 'name')).stdout;
  expect(await leases()).toContain('stopping');

  // A receiver that hangs keeps the stop waiting for its delivery.
  world.receiver.answerPath('/hang', ({ eventID }) =>
    eventID.startsWith('challenge-') ? { kind: 'challenge' } : { kind: 'hang' },
  );
  await world.plane.apply(
    JSON.stringify({
      apiVersion: 'webhook-operator.dev/v1alpha1',
      kind: 'WebhookClass',
      metadata: { name: 'patient' },
      spec: {
        admission: { requireHTTPS: false },
        delivery: { timeouts: { connect: '1s', total: '1m' } },
        network: { allowedCIDRs: ['127.0.0.0/8'] },
      },
    }),
  );
  await world.applyWebhook('hang', 'wh', { url: `${world.receiver.url}/hang`, events: ['>'], className: 'patient' });
  await world.untilWebhook('hang', 'wh', has('Active', 'True'));
  await world.publish('hang', 'item.created', 'hang-1');
  await expect.poll(() => world.receiver.counts.get('hang-1'), { timeout: 10_000 }).toBe(1);

  operator.signal('SIGTERM');
  await operator.waitForLog('Stopping');
  expect(await operator.isReady()).toBe(false);
  operator.signal('SIGTERM');
  expect(await operator.exited).toEqual({ code: 1, signal: null });

  const next = await world.startOperator({ name: 'next' });
  expect(await next.stop()).toEqual({ code: 0, signal: null });
  expect(await leases()).not.toContain('next');
});

test('every metric is there under its declared name', async () => {
  const operator = await world.startOperator({ name: 'metrics' });
  await operator.waitForLog('Members changed');
  const exposition = await operator.metrics();
  for (const { name } of Object.values(metricDeclarations)) expect(exposition).toContain(`# TYPE ${name} `);
  await operator.stop();
});
