import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { freePort } from '../cluster/ports.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

function run(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const options = { cwd: root, encoding: 'utf8', env: { ...process.env, ...env }, timeout: 20_000 } as const;
  return spawnSync(process.execPath, [file, ...args], options);
}

// What they do when all is well: start.test.ts and test/docs/shell-blocks.test.ts.
describe('npm run event', () => {
  const file = 'test/cluster/publish.ts';

  test.each([
    [[], 'usage: '],
    [['item.created', 'not json'], "<JSON>: the event's data must be JSON, and this is not: not json"],
    [['item.created', '{}', 'more'], 'usage: '],
    [['--count', '0', 'item.created'], 'usage: '],
    [['--count', '2', '--id', 'a', 'item.created'], '--id names one event'],
    [['--unknown', 'item.created'], '--unknown'],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = run(file, args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });

  test('says which server does not answer', async () => {
    const url = `nats://127.0.0.1:${await freePort()}`;
    const { status, stderr } = run(file, ['item.created'], { NATS_URL: url });
    expect(status).toBe(1);
    expect(stderr).toContain(`Could not publish at ${url}`);
  });
});

describe('npm run receiver', () => {
  const file = 'test/receivers/toggle.ts';

  test.each([[[]], [['break']]])('refuses %j', (args) => {
    const { status, stderr } = run(file, args);
    expect(status).toBe(2);
    expect(stderr).toContain('usage: ');
  });

  test('says which receiver does not answer', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { status, stderr } = run(file, ['fail'], { RECEIVER_URL: url });
    expect(status).toBe(1);
    expect(stderr).toContain(`No example receiver at ${url}`);
  });
});
