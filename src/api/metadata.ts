import { z } from 'zod';

/** The API group of all kinds. Also the prefix of every label and annotation of ours. */
export const apiGroup = 'webhook-operator.dev';
export const version = 'v1alpha1';
export const apiVersion = `${apiGroup}/${version}` as const;

/** What Kubernetes calls a kind, in every spelling that a path, an owner reference or a CRD needs. */
export interface ResourceNames {
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortName: string;
  readonly scope: 'Namespaced' | 'Cluster';
}

export const webhookNames = {
  kind: 'Webhook',
  listKind: 'WebhookList',
  plural: 'webhooks',
  singular: 'webhook',
  shortName: 'wh',
  scope: 'Namespaced',
} as const satisfies ResourceNames;

export const webhookClassNames = {
  kind: 'WebhookClass',
  listKind: 'WebhookClassList',
  plural: 'webhookclasses',
  singular: 'webhookclass',
  shortName: 'whc',
  scope: 'Cluster',
} as const satisfies ResourceNames;

export const annotations = {
  /** On a WebhookClass, `"true"`: used by Webhooks that name no class. */
  isDefaultClass: `${apiGroup}/is-default-class`,
  /** On a Webhook: a new value re-enables it after a disable. */
  reactivate: `${apiGroup}/reactivate`,
} as const;

export const labels = {
  /** On a Secret, `"true"`: Webhooks of its namespace may send or sign with its values. */
  usable: `${apiGroup}/usable`,
} as const;

/** The parts of Kubernetes' ObjectMeta that the operator reads. Unknown members are dropped when it is parsed. */
export const objectMetaSchema = z.object({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string(),
  resourceVersion: z.string().optional(),
  generation: z.int().optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
export type ObjectMeta = z.output<typeof objectMetaSchema>;
