import { deepEqual } from '../kubernetes/deep-equal.ts';
import type { KubeObject } from '../kubernetes/kube-object.ts';

/**
 * Whether a change of a Webhook or a class is one of what somebody wants, and not of the status, which we write ourselves:
 * with ten thousand webhooks those alone are hundreds a second.
 */
export function isSpecChange(old: KubeObject | undefined, current: KubeObject | undefined): boolean {
  if (old === undefined || current === undefined) return true;
  return (
    old.metadata.uid !== current.metadata.uid ||
    old.metadata.generation !== current.metadata.generation ||
    !deepEqual(old.metadata.annotations, current.metadata.annotations)
  );
}

/** Whether the labels of a namespace are others than before, for a class may choose namespaces by them. */
export function isLabelChange(old: KubeObject | undefined, current: KubeObject | undefined): boolean {
  return !deepEqual(old?.metadata.labels ?? {}, current?.metadata.labels ?? {});
}
