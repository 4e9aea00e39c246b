import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { expect, test, vi } from 'vitest';
import type { LogFields, Logger } from '../../src/logger.ts';
import { ensureStreams } from '../../src/jetstream/streams.ts';
import { defaultStreamNames as names } from '../../src/jetstream/subjects.ts';
import { silentLogger } from '../../src/logger.ts';
import { createAuthority, loopbackHosts } from '../cluster/certificates.ts';
import { startNats } from '../cluster/nats.ts';
import { freePort } from '../cluster/ports.ts';
import { temporaryFolder } from '../cluster/scratch.ts';
import { brokerOn, bytes, connect, streamOptions } from './fixture.ts';
import { operatorMode } from './nats-jwt.ts';

function keepingLogger(): { readonly logger: Logger; readonly lines: [string, LogFields | undefined][] } {
  const lines: [string, LogFields | undefined][] = [];
  const keep = (message: string, fields?: LogFields) => {
    lines.push([message, fields]);
  };
  return { logger: { ...silentLogger, error: keep, info: keep }, lines };
}

function file(name: string, contents: string): string {
  const path = join(temporaryFolder('nats-files'), name);
  writeFileSync(path, contents);
  return path;
}

test('the operator may start before NATS, and says why it waits', async ({ onTestFinished }) => {
  const port = await freePort();
  const { logger, lines } = keepingLogger();
  const connecting = connect({ url: `nats://127.0.0.1:${port}` }, { logger });
  await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0));
  expect(lines[0]).toEqual([
    'NATS could not be reached',
    expect.objectContaining({ reason: 'connection refused', servers: [`nats://127.0.0.1:${port}`] }),
  ]);
  const server = await startNats({ port });
  onTestFinished(() => server.stop());
  const link = await connecting;
  expect(link.connected).toBe(true);
  await link.close();
  expect(await link.closed).toBeUndefined();
  await link.close();
});

test('waiting for NATS can be given up', async () => {
  const abort = new AbortController();
  const port = await freePort();
  const connecting = connect({ url: `nats://127.0.0.1:${port}` }, { signal: abort.signal });
  abort.abort(new Error('stopping'));
  await expect(connecting).rejects.toThrow('stopping');
});

test('a server that is too old is refused with its version', async ({ onTestFinished }) => {
  const old = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(
      'INFO {"server_id":"S","version":"2.10.27","headers":true,"max_payload":1048576,"jetstream":true}\r\n',
    );
    socket.on('data', (data) => {
      if (data.includes('PING')) socket.write('PONG\r\n');
    });
  });
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void old.close());
  const address = old.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await expect(connect({ url: `nats://127.0.0.1:${port}` })).rejects.toMatchObject({
    code: 'WHO_NATS_VERSION',
    message: 'The NATS server is version 2.10.27; webhook-operator needs 2.14.0 or newer: upgrade the server',
  });
});

test.for(['creds', 'nkey', 'tokenFile', 'ca', 'cert', 'key'] as const)(
  'a missing file for %s is named',
  async (option) => {
    const missing = connect({ url: 'nats://127.0.0.1:1' }, { [option]: '/nowhere/file' });
    await expect(missing).rejects.toMatchObject({
      code: 'WHO_NATS_OPTIONS',
      message: expect.stringContaining('/nowhere/file'),
    });
  },
);

test.for(['creds', 'nkey'] as const)('a file without credentials for %s is named', async (option) => {
  const path = file('bad', 'nothing of use');
  await expect(connect({ url: 'nats://127.0.0.1:1' }, { [option]: path })).rejects.toMatchObject({
    code: 'WHO_NATS_OPTIONS',
    message: expect.stringContaining(path),
  });
});

test('a token is read again for every connection', async ({ onTestFinished }) => {
  const port = await freePort();
  const authorization = (token: string) => ({ port, config: `authorization { token: "${token}" }` });
  const first = await startNats(authorization('one'));
  onTestFinished(() => first.stop());
  const tokenFile = file('token', 'one\n');
  const { logger, lines } = keepingLogger();
  const link = await connect(first, { tokenFile, logger });
  onTestFinished(() => link.close());
  await first.stop();
  const second = await startNats(authorization('two'));
  onTestFinished(() => second.stop());
  await vi.waitFor(() => expect(lines.map(([message]) => message)).toContain('NATS reported an error'), 10_000);
  expect(link.connected).toBe(false);
  writeFileSync(tokenFile, 'two\n');
  await vi.waitFor(() => expect(link.connected).toBe(true), 10_000);
});

test('a wrong token is waited out until the file is right', async ({ onTestFinished }) => {
  const server = await startNats({ config: 'authorization { token: "right" }' });
  onTestFinished(() => server.stop());
  const tokenFile = file('token', 'wrong');
  const { logger, lines } = keepingLogger();
  const connecting = connect(server, { tokenFile, logger });
  await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0));
  expect(String(lines[0]?.[1]?.['reason'])).toMatch(/authorization violation/i);
  writeFileSync(tokenFile, 'right');
  const link = await connecting;
  await link.close();
});

test('credentials files of an operator-mode server work', async ({ onTestFinished }) => {
  const { config, creds } = operatorMode();
  const server = await startNats({ config });
  onTestFinished(() => server.stop());
  const link = await connect(server, { creds: file('user.creds', creds) });
  onTestFinished(() => link.close());
  const broker = brokerOn(link);
  await ensureStreams(broker.api, streamOptions);
  expect((await broker.publish('backlog.0.u', bytes('x'))).sequence).toBe(1);
});

test('an nkey over TLS works', async ({ onTestFinished }) => {
  const authority = createAuthority();
  const user = nkeys.createUser();
  const server = await startNats({
    tls: { ...authority.issue({ commonName: 'nats', hosts: loopbackHosts }), ca: authority.certificate },
    config: `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }`,
  });
  onTestFinished(() => server.stop());
  const link = await connect(server, {
    nkey: file('seed', `${Buffer.from(user.getSeed()).toString('ascii')}\n`),
    ca: file('ca.crt', authority.certificate),
  });
  onTestFinished(() => link.close());
  await expect(brokerOn(link).streamState(names.events)).rejects.toMatchObject({ kind: 'StreamNotFound' });
});

test('a server that shows a certificate of another authority is not talked to', async ({ onTestFinished }) => {
  const authority = createAuthority();
  const server = await startNats({
    tls: { ...authority.issue({ commonName: 'nats', hosts: loopbackHosts }), ca: authority.certificate },
  });
  onTestFinished(() => server.stop());
  const abort = new AbortController();
  const { logger, lines } = keepingLogger();
  const ca = file('ca.crt', createAuthority('another').certificate);
  const connecting = connect(server, { ca, logger, signal: abort.signal });
  await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0));
  expect(String(lines[0]?.[1]?.['reason'])).toMatch(/certificate/i);
  abort.abort();
  await expect(connecting).rejects.toThrow();
});
