import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlane } from '../cluster/control-plane.ts';
import { TestClusterError } from '../cluster/errors.ts';
import { startProcess } from '../cluster/processes.ts';
import { temporaryFolder } from '../cluster/scratch.ts';
import { attachOperator, type OperatorProcess } from '../operator/operator-process.ts';
import type { Image } from '../build/image.ts';

interface HTTPProbe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
interface KeyToPath {
  readonly key: string;
  readonly path: string;
}
interface Projection {
  readonly serviceAccountToken?: { readonly path: string };
  readonly configMap?: { readonly name: string; readonly items: readonly KeyToPath[] };
  readonly downwardAPI?: {
    readonly items: readonly { readonly path: string; readonly fieldRef: { readonly fieldPath: string } }[];
  };
}
interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string; readonly items: readonly KeyToPath[] };
  readonly projected?: { readonly sources: readonly Projection[] };
  readonly emptyDir?: object;
}
interface Container {
  readonly args: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
  }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly startupProbe: HTTPProbe;
  readonly livenessProbe: HTTPProbe;
  readonly readinessProbe: HTTPProbe;
}
/** A Pod after admission, with as much of its type as the chart uses. */
interface Pod {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly serviceAccountName: string;
    readonly containers: readonly [Container];
    readonly volumes: readonly Volume[];
    readonly terminationGracePeriodSeconds: number;
  };
}

/** The operator, run as its Pod says. */
export interface RunningPod {
  readonly name: string;
  readonly operator: OperatorProcess;
  /** Status of a probe, asked as the kubelet asks it. */
  probe(kind: 'startupProbe' | 'livenessProbe' | 'readinessProbe'): Promise<number>;
  /** The content of `/metrics`, from the container port of that name. */
  scrape(): Promise<string>;
  /** SIGTERM, and SIGKILL after the Pod's grace period. */
  terminate(): ReturnType<OperatorProcess['stop']>;
}

/**
 * Does what the Deployment controller and the kubelet would do, which the control plane lacks: creates a Pod from the
 * Deployment's template (so that admission has its say, and adds the ServiceAccount's volume), makes its volumes, and
 * starts the image's bundle with the container's arguments and with its and the image's environment, nothing else.
 *
 * Not as in a container are only: file systems (see `container-mounts.ts`), and values of the image's environment that
 * name a mounted path, which are given the volume's folder.
 */
export async function startPod(
  plane: ControlPlane,
  image: Image,
  namespace: string,
  deployment: string,
): Promise<RunningPod> {
  const pod = await createPod(plane, namespace, deployment);
  const [container] = pod.spec.containers;
  const folder = temporaryFolder(pod.metadata.name);
  const folders = new Map<string, string>();
  for (const volume of pod.spec.volumes) {
    folders.set(volume.name, join(folder, volume.name));
    mkdirSync(join(folder, volume.name));
    for (const [path, content] of await filesOf(plane, pod, volume)) {
      writeFileSync(join(folder, volume.name, path), content, { mode: 0o440 });
    }
  }
  const mounts = container.volumeMounts.map(({ name, mountPath }) => [mountPath, folders.get(name) ?? ''] as const);
  const preload = new URL('container-mounts.ts', import.meta.url);
  for (const [mountPath, source] of mounts) preload.searchParams.set(mountPath, source);

  const { hostname: host, port } = new URL(plane.url);
  const imageEnv = Object.entries(image.env).map(([name, value]): [string, string] => {
    const [mountPath = '', source = ''] = mounts.find(([path]) => value.startsWith(`${path}/`)) ?? [];
    return [name, source + value.slice(mountPath.length)];
  });
  const child = await startProcess({
    name: pod.metadata.name,
    command: process.execPath,
    args: ['--import', preload.href, image.bundle, ...container.args],
    env: {
      ...Object.fromEntries(imageEnv),
      HOME: folder,
      HOSTNAME: pod.metadata.name,
      KUBERNETES_SERVICE_HOST: host,
      KUBERNETES_SERVICE_PORT: port,
      ...Object.fromEntries(
        container.env.map(({ name, value, valueFrom }) => [
          name,
          value ?? fieldOf(pod, valueFrom?.fieldRef?.fieldPath),
        ]),
      ),
    },
    inheritEnv: false,
    cwd: folder,
    logFile: join(folder, 'operator.log'),
  });
  const operator = await attachOperator(child, pod.metadata.name);

  const urlOf = (portName: string, path: string): string => {
    const found = container.ports.find(({ name }) => name === portName);
    return `http://127.0.0.1:${String(found?.containerPort)}${path}`;
  };
  return {
    name: pod.metadata.name,
    operator,
    probe: async (kind) => {
      const { httpGet } = container[kind];
      return (await fetch(urlOf(httpGet.port, httpGet.path))).status;
    },
    scrape: async () => (await fetch(urlOf('metrics', '/metrics'))).text(),
    terminate: () => operator.stop(pod.spec.terminationGracePeriodSeconds * 1000),
  };
}

async function createPod(plane: ControlPlane, namespace: string, deployment: string): Promise<Pod> {
  const { spec } = JSON.parse(
    await answer(plane, 'GET', `/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}`),
  ) as { readonly spec: { readonly template: { readonly metadata: object; readonly spec: object } } };
  const name = `${deployment}-${randomBytes(4).toString('hex')}`;
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...spec.template.metadata, name },
    spec: spec.template.spec,
  };
  return JSON.parse(await answer(plane, 'POST', `/api/v1/namespaces/${namespace}/pods`, pod)) as Pod;
}

/** The files of a volume, by path. */
async function filesOf(plane: ControlPlane, pod: Pod, volume: Volume): Promise<[string, string | Buffer][]> {
  const { namespace } = pod.metadata;
  if (volume.secret !== undefined) {
    const { secretName, items } = volume.secret;
    const { data } = JSON.parse(
      await answer(plane, 'GET', `/api/v1/namespaces/${namespace}/secrets/${secretName}`),
    ) as {
      readonly data: Readonly<Record<string, string>>;
    };
    return items.map(({ key, path }) => {
      const value = data[key];
      if (value === undefined) throw new TestClusterError(`Secret ${secretName} has no key ${key}`);
      return [path, Buffer.from(value, 'base64')];
    });
  }
  const files: [string, string][] = [];
  for (const { serviceAccountToken, configMap, downwardAPI } of volume.projected?.sources ?? []) {
    if (serviceAccountToken !== undefined) {
      files.push([serviceAccountToken.path, await plane.serviceAccountToken(namespace, pod.spec.serviceAccountName)]);
    }
    // The controller manager would make this one, in every namespace.
    if (configMap?.name === 'kube-root-ca.crt') files.push([configMap.items[0]?.path ?? '', plane.ca]);
    for (const { path, fieldRef } of downwardAPI?.items ?? []) files.push([path, fieldOf(pod, fieldRef.fieldPath)]);
  }
  return files;
}

function fieldOf(pod: Pod, fieldPath: string | undefined): string {
  if (fieldPath === 'metadata.name') return pod.metadata.name;
  if (fieldPath === 'metadata.namespace') return pod.metadata.namespace;
  throw new TestClusterError(`the chart uses the field ${String(fieldPath)}, which this kubelet does not know`);
}

async function answer(plane: ControlPlane, method: string, path: string, sent?: unknown): Promise<string> {
  const { status, body } = await plane.request(method, path, sent);
  if (status >= 300) throw new TestClusterError(`${method} ${path}: ${body}`);
  return body;
}
