import { connect } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { sharedControlPlane, sharedNatsUrl } from './shared.ts';

test('every test file reaches the shared control plane as the admin and as anybody', async () => {
  const cluster = sharedControlPlane();
  const admin = await cluster.kubectl('auth', 'whoami', '--output=jsonpath={.status.userInfo.groups}');
  expect(admin.stdout).toContain('system:masters');
  const alice = cluster.kubeconfigFor('alice', ['team-a']);
  const result = await cluster.kubectl('auth', 'whoami', `--kubeconfig=${alice}`);
  expect(result.stdout).toMatch(/alice[\s\S]*team-a/);
});

test('every test file reaches the shared nats-server', async () => {
  const connection = await connect({ servers: sharedNatsUrl() });
  expect(connection.info?.jetstream).toBe(true);
  await connection.close();
});
