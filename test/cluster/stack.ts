import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startOperator, type OperatorProcess } from '../operator/operator-process.ts';
import { provideBinaries } from './binaries.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { TestClusterError } from './errors.ts';
import { startNats, type NatsServer } from './nats.ts';

const projectFolder = new URL('../../', import.meta.url);

/** Everything that a user of the project has: the API with its classes, NATS, and the operator as a process. */
export interface Stack {
  readonly controlPlane: ControlPlane;
  readonly nats: NatsServer;
  readonly operator: OperatorProcess;
  /** Stops it all, the operator first. */
  stop(): Promise<void>;
}

/** One machine's disk holds them all. */
const smallStreams = ['events', 'retries', 'backlog', 'dead-letters', 'state'].flatMap((stream) => [
  `--${stream}-max-bytes`,
  '64Mi',
]);

/**
 * Starts the parts, applies `crds` and `examples/classes`, then starts the operator.
 * @param say is told what is being done.
 */
export async function startStack(say: (line: string) => void = () => undefined): Promise<Stack> {
  await provideBinaries(['nats-server', 'etcd', 'kube-apiserver', 'kubectl', 'helm']);
  say('starting etcd, kube-apiserver and NATS');
  const [controlPlane, nats] = await Promise.all([startControlPlane(), startNats()]);
  say('applying crds and examples/classes');
  await controlPlane.apply(manifests('crds'));
  const established = await controlPlane.kubectl('wait', '--for=condition=Established', '--timeout=30s', ...crds());
  if (established.code !== 0) throw new TestClusterError(`the CRDs are not served: ${established.stderr}`);
  await controlPlane.apply(manifests('examples/classes'));
  say('starting the operator');
  const operator = await startOperator({
    kubeconfig: controlPlane.kubeconfig,
    natsUrl: nats.url,
    args: ['--partitions', '4', '--lease-namespace', 'default', ...smallStreams],
  });
  return {
    controlPlane,
    nats,
    operator,
    stop: async () => {
      await operator.stop();
      await controlPlane.stop();
      await nats.stop();
    },
  };
}

/** All manifests of a folder of the project, without its subfolders, as one text. */
export function manifests(folder: string): string {
  const url = new URL(`${folder}/`, projectFolder);
  return filesOf(url)
    .map((file) => readFileSync(new URL(file, url), 'utf8'))
    .join('\n---\n');
}

function crds(): string[] {
  return filesOf(new URL('crds/', projectFolder)).flatMap((file) => [
    '--filename',
    fileURLToPath(new URL(`crds/${file}`, projectFolder)),
  ]);
}

function filesOf(url: URL): string[] {
  return readdirSync(url)
    .filter((file) => file.endsWith('.yaml'))
    .sort();
}
