import type { NatsBroker } from '../../src/jetstream/nats-broker.ts';
import type { ControlPlane } from '../cluster/control-plane.ts';
import { TestClusterError } from '../cluster/errors.ts';
import { freePort } from '../cluster/ports.ts';
import { brokerOn } from '../jetstream/fixture.ts';
import { startGuardedNats } from './guarded-nats.ts';
import type { Image } from '../build/image.ts';
import { startPod, type RunningPod } from './pod.ts';
import { chart } from './render.ts';

/** A release of the chart and the one pod that it asks for. */
export interface Install {
  readonly pod: RunningPod;
  /** Of a producer. */
  readonly broker: NatsBroker;
  /** `helm uninstall`; also ends the pod and NATS. */
  remove(): Promise<void>;
}

export interface InstallOptions {
  readonly plane: ControlPlane;
  readonly image: Image;
  /** Namespace of the release, which is called `hooks`; it is made. */
  readonly namespace: string;
  readonly natsAuth: 'token' | 'nkey';
  /** More values, as `helm --set` takes them. */
  readonly values?: readonly string[];
}

/** NATS with proof of identity, `helm install`, then the pod. The class `in-cluster` allows 127.0.0.0/8. */
export async function install(options: InstallOptions): Promise<Install> {
  const { plane, image, namespace, natsAuth, values = [] } = options;
  const nats = await startGuardedNats(natsAuth);
  const secrets = Object.entries(nats.secrets).map(([name, stringData]) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData,
  }));
  await applyAll(plane, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, ...secrets]);
  const sets = [
    ...nats.values,
    ...['events', 'retries', 'backlog', 'deadLetters', 'state'].map((stream) => `streams.${stream}.maxBytes=64Mi`),
    // The ports of a pod are its own; here they must be free.
    `metrics.port=${await freePort()}`,
    `health.port=${await freePort()}`,
    'classes.inCluster.allowedCIDRs={127.0.0.0/8}',
    ...values,
  ].flatMap((value) => ['--set', value]);
  const installed = await plane.helm('install', 'hooks', chart, '--namespace', namespace, ...sets);
  if (installed.code !== 0) throw new TestClusterError(installed.stderr);

  const pod = await startPod(plane, image, namespace, 'hooks-webhook-operator');
  const broker = brokerOn(nats.link);
  return {
    pod,
    broker,
    remove: async () => {
      await pod.terminate();
      await plane.helm('uninstall', 'hooks', '--namespace', namespace);
      broker.close();
      await nats.stop();
    },
  };
}

export async function applyAll(plane: ControlPlane, items: readonly object[]): Promise<void> {
  await plane.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}
