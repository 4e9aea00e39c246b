import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Options } from './option-table.ts';

const namespaceFile = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** Where this replica's Lease is and under which name it is known: options first, then what the pod tells of itself. */
export function podIdentity(
  options: Pick<Options, 'leaseNamespace' | 'podName'>,
  file = namespaceFile,
): { readonly leaseNamespace: string; readonly podName: string } {
  return {
    leaseNamespace: options.leaseNamespace ?? readNamespace(file) ?? 'default',
    podName: options.podName ?? hostname(),
  };
}

function readNamespace(file: string): string | undefined {
  try {
    const namespace = readFileSync(file, 'utf8').trim();
    return namespace === '' ? undefined : namespace;
  } catch {
    // Not in a pod, or in one without a ServiceAccount token.
    return undefined;
  }
}
