import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, describe, expect, test } from 'vitest';
import { createAuthority, loopbackHosts } from './certificates.ts';
import { startNats, startNatsCluster } from './nats.ts';

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function open(options: Parameters<typeof connect>[0]): Promise<NatsConnection> {
  const connection = await connect(options);
  cleanups.push(() => connection.close());
  return connection;
}

async function started<T extends { stop(): Promise<void> }>(server: Promise<T>): Promise<T> {
  const value = await server;
  cleanups.push(() => value.stop());
  return value;
}

describe('a nats-server', () => {
  test('keeps what JetStream stored over a kill, on the same port', async () => {
    const nats = await started(startNats());
    const before = await open({ servers: nats.url });
    await (await jetstreamManager(before)).streams.add({ name: 'A', subjects: ['a.>'] });
    await jetstream(before).publish('a.b', 'one');
    await before.close();

    await nats.kill();
    await expect(connect({ servers: nats.url, reconnect: false })).rejects.toThrow();
    await nats.start();

    const after = await open({ servers: nats.url });
    const info = await (await jetstreamManager(after)).streams.info('A');
    expect(info.state.messages).toBe(1);
  });

  test('takes more configuration and asks clients for a certificate', async () => {
    const authority = createAuthority();
    const nats = await started(
      startNats({
        config: 'authorization { token: "let-me-in" }',
        tls: {
          ...authority.issue({ commonName: 'nats', hosts: loopbackHosts }),
          ca: authority.certificate,
          verify: true,
        },
      }),
    );
    const client = authority.issue({ commonName: 'operator' });
    const tls = { ca: authority.certificate, cert: client.certificate, key: client.key };
    const connection = await open({ servers: nats.url, token: 'let-me-in', tls });
    expect(connection.info?.tls_verify).toBe(true);
    await expect(connect({ servers: nats.url, token: 'wrong', tls, reconnect: false })).rejects.toThrow(
      /authorization/i,
    );
    await expect(
      connect({ servers: nats.url, token: 'let-me-in', tls: { ca: authority.certificate }, reconnect: false }),
    ).rejects.toThrow();
  });
});

test('a cluster of three replicates a stream and elects another leader when one is killed', async () => {
  const cluster = await started(startNatsCluster(3));
  const connection = await open({ servers: cluster.url.split(',') });
  const manager = await jetstreamManager(connection);
  const created = await manager.streams.add({ name: 'R', subjects: ['r.>'], num_replicas: 3 });
  const leader = created.cluster?.leader;
  const victim = cluster.servers.find((server) => server.name === leader);
  expect(victim).toBeDefined();
  await jetstream(connection).publish('r.1', 'one');
  await victim?.kill();

  await expect
    .poll(async () => (await manager.streams.info('R').catch(() => undefined))?.cluster?.leader, { timeout: 30_000 })
    .toSatisfy((name: unknown) => typeof name === 'string' && name !== '' && name !== leader);
  const stored = await manager.streams.info('R');
  expect(stored.state.messages).toBe(1);
});
