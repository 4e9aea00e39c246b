import { apiGroup, version, webhookClassNames, webhookNames, type ResourceNames } from '../api/metadata.ts';
import type { ResourceType } from '../kubernetes/kube-object.ts';

function ours({ plural, kind, scope }: ResourceNames): ResourceType {
  return { group: apiGroup, version, plural, kind, namespaced: scope === 'Namespaced' };
}

export const WEBHOOKS = ours(webhookNames);
export const WEBHOOK_CLASSES = ours(webhookClassNames);

export const NAMESPACES: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};

export const CUSTOM_RESOURCE_DEFINITIONS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};
