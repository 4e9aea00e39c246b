import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { systemClock } from '../../src/clock.ts';
import { createKubeClient, type KubeClient } from '../../src/kubernetes/client.ts';
import { kubeconfigCredentials, type CredentialSource } from '../../src/kubernetes/credentials.ts';
import type { KubeObject, ResourceType } from '../../src/kubernetes/kube-object.ts';

export const CONFIG_MAPS: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};

const NAMESPACES: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export async function credentialsFrom(kubeconfig: string): Promise<CredentialSource> {
  return await kubeconfigCredentials({ path: kubeconfig, monotonic: () => performance.now() });
}

export async function clientFrom(kubeconfig: string): Promise<KubeClient> {
  return createKubeClient({ credentials: await credentialsFrom(kubeconfig), clock: systemClock });
}

/** A client whose connections go through `proxy`. */
export async function clientThrough(proxy: CuttableProxy, kubeconfig: string): Promise<KubeClient> {
  const direct = await credentialsFrom(kubeconfig);
  const credentials: CredentialSource = {
    namespace: direct.namespace,
    current: async () => ({ ...(await direct.current()), server: `https://127.0.0.1:${proxy.port}` }),
    invalidate: () => direct.invalidate(),
  };
  return createKubeClient({ credentials, clock: systemClock });
}

/** Creates a namespace of its own for a test. */
export async function createNamespace(client: KubeClient, prefix: string): Promise<string> {
  const name = `${prefix}-${randomBytes(4).toString('hex')}`;
  await client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  return name;
}

/** Waits in real time. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${condition.toString()}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

/** A TCP relay whose connections a test may cut at any byte. */
export interface CuttableProxy {
  readonly port: number;
  /** Cuts every connection with a reset. */
  cut(): void;
  stop(): Promise<void>;
}

export async function startProxy(targetPort: number): Promise<CuttableProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(targetPort, '127.0.0.1');
    for (const [socket, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}
