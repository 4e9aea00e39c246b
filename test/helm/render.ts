import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { CommandResult, ControlPlaneAccess } from '../cluster/access.ts';

export const chart = fileURLToPath(new URL('../../helm/webhook-operator', import.meta.url));
export const chartFile = (path: string): string => join(chart, path);

/** A rendered object, with as much of its type as the tests look at. */
export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec?: Record<string, unknown>;
  readonly rules?: readonly Rule[];
}
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
}
export interface PodSpec {
  readonly containers: readonly [Container];
  readonly terminationGracePeriodSeconds: number;
  readonly volumes: readonly { readonly name: string; readonly secret?: unknown }[];
}

type Helm = Pick<ControlPlaneAccess, 'helm'>;

/** `helm template`; values as `--set` takes them. */
export function template(cluster: Helm, values: readonly string[] = [], release = 'hooks'): Promise<CommandResult> {
  const sets = values.flatMap((value) => ['--set', value]);
  return cluster.helm('template', release, chart, '--namespace', 'hooks-system', ...sets);
}

/** The objects that `helm template` renders. Throws helm's message when it refuses. */
export async function render(cluster: Helm, values: readonly string[] = [], release?: string): Promise<Rendered[]> {
  const result = await template(cluster, values, release);
  if (result.code !== 0) throw new Error(result.stderr);
  return parseAllDocuments(result.stdout)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}

export function objectOf(objects: readonly Rendered[], kind: string, name?: string): Rendered {
  const object = objects.find(
    (candidate) => candidate.kind === kind && (name ?? candidate.metadata.name) === candidate.metadata.name,
  );
  if (object === undefined) throw new Error(`no ${kind} ${name ?? ''} was rendered`);
  return object;
}

export function podOf(objects: readonly Rendered[]): PodSpec {
  const { template: pod } = objectOf(objects, 'Deployment').spec as { template: { spec: PodSpec } };
  return pod.spec;
}
