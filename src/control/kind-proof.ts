import { apiGroup, version, webhookNames } from '../api/metadata.ts';
import type { KubeClient } from '../kubernetes/client.ts';
import type { KubeObject } from '../kubernetes/kube-object.ts';
import { CUSTOM_RESOURCE_DEFINITIONS } from './resource-types.ts';

interface Definition extends KubeObject {
  readonly spec?: { readonly versions?: readonly { readonly name: string; readonly served: boolean }[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Whether a LIST of the CRDs shows that Webhooks are there and served, so that an empty list of them means what it says. */
export async function servesWebhooks(client: Pick<KubeClient, 'list'>): Promise<boolean> {
  const { items } = await client.list<Definition>(CUSTOM_RESOURCE_DEFINITIONS);
  const ours = items.find(({ metadata }) => metadata.name === `${webhookNames.plural}.${apiGroup}`);
  return ours !== undefined && isServed(ours);
}

/** Pure. A definition that is being deleted serves nothing that counts. */
function isServed({ metadata, spec, status }: Definition): boolean {
  const established = status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True');
  const served = spec?.versions?.some(({ name, served }) => name === version && served);
  return established === true && served === true && metadata.deletionTimestamp === undefined;
}
