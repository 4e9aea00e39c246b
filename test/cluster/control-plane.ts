import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accessControlPlane, type ControlPlaneAccess } from './access.ts';
import { provideBinaries } from './binaries.ts';
import { createAuthority, loopbackHosts } from './certificates.ts';
import { controllableServer, type ControllableServer } from './controllable-server.ts';
import { freePort } from './ports.ts';
import { temporaryFolder } from './scratch.ts';

export interface ControlPlaneOptions {
  /** More flags for kube-apiserver. */
  readonly apiServerArgs?: readonly string[];
}

/**
 * A real etcd and kube-apiserver on 127.0.0.1, killed when this process ends.
 *
 * There is no controller manager, so nothing acts on objects: a namespace has no `default` ServiceAccount and a deleted one
 * stays in Terminating, a Deployment gets no pods, owner references collect no garbage, and the aggregated ClusterRoles
 * (`admin`, `edit`, `view`) stay empty.
 */
export interface ControlPlane extends ControlPlaneAccess {
  readonly etcd: ControllableServer;
  readonly apiServer: ControllableServer;
  stop(): Promise<void>;
}

/** Starts a control plane of its own for the caller; takes about 3 s. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const binaries = await provideBinaries(['etcd', 'kube-apiserver', 'kubectl', 'helm']);
  const folder = temporaryFolder('control-plane');
  const authority = createAuthority();
  const adminToken = randomBytes(24).toString('base64url');
  const [etcdPort, etcdPeerPort, apiPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const file = (name: string, content: string) => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const caFile = file('ca.crt', authority.certificate);
  const access = accessControlPlane({
    url: `https://127.0.0.1:${apiPort}`,
    caFile,
    authority: { certificate: authority.certificate, key: authority.key },
    adminToken,
    kubectl: binaries.kubectl,
    helm: binaries.helm,
  });

  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const etcdPeerUrl = `http://127.0.0.1:${etcdPeerPort}`;
  const etcd = controllableServer({
    name: 'etcd',
    port: etcdPort,
    command: binaries.etcd,
    args: [
      `--data-dir=${join(folder, 'etcd')}`,
      '--unsafe-no-fsync',
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      `--listen-peer-urls=${etcdPeerUrl}`,
      `--initial-advertise-peer-urls=${etcdPeerUrl}`,
      `--initial-cluster=default=${etcdPeerUrl}`,
    ],
    logFile: join(folder, 'etcd.log'),
    check: async () => (await fetch(`${etcdUrl}/health`)).ok,
  });

  const serving = authority.issue({ commonName: 'kube-apiserver', hosts: loopbackHosts });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const serviceAccountKey = file(
    'service-accounts.key',
    privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  const apiServer = controllableServer({
    name: 'kube-apiserver',
    port: apiPort,
    command: binaries['kube-apiserver'],
    args: [
      `--etcd-servers=${etcdUrl}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${apiPort}`,
      `--tls-cert-file=${file('apiserver.crt', serving.certificate)}`,
      `--tls-private-key-file=${file('apiserver.key', serving.key)}`,
      `--client-ca-file=${caFile}`,
      `--token-auth-file=${file('tokens.csv', `${adminToken},admin,admin,system:masters\n`)}`,
      '--authorization-mode=RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-signing-key-file=${serviceAccountKey}`,
      `--service-account-key-file=${serviceAccountKey}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      // It would publish 127.0.0.1 as an endpoint, which is no valid one, and wait for that when stopping.
      '--endpoint-reconciler-type=none',
      ...(options.apiServerArgs ?? []),
    ],
    logFile: join(folder, 'kube-apiserver.log'),
    check: async () =>
      (await access.request('GET', '/readyz')).status === 200 &&
      (await access.request('GET', '/api/v1/namespaces/default')).status === 200,
  });

  await etcd.start();
  await apiServer.start();
  return {
    ...access,
    etcd,
    apiServer,
    stop: async () => {
      await apiServer.stop();
      await etcd.stop();
    },
  };
}
