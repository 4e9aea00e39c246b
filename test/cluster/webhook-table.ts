import { setTimeout as delay } from 'node:timers/promises';
import type { ControlPlaneAccess } from './access.ts';

const intervalMs = 250;

/**
 * Prints what `kubectl get webhooks` says, each time it says something new, until `signal` is aborted. The age of a webhook is no
 * news. Errors of the API server are waited out: it may be stopping.
 */
export async function printWebhooks(
  controlPlane: ControlPlaneAccess,
  print: (table: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let printed = '';
  let version = '';
  while (!signal.aborted) {
    await delay(intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    // A request is cheap, a kubectl is not.
    const next = await versionsOf(controlPlane).catch(() => version);
    if (next === version) continue;
    const { code, stdout } = await controlPlane.kubectl('get', 'webhooks');
    if (code !== 0) continue;
    version = next;
    const news = withoutAge(stdout);
    if (news === printed || stdout.trim() === '') continue;
    printed = news;
    print(stdout.trimEnd());
  }
}

/** Changes whenever a Webhook does. */
async function versionsOf(controlPlane: ControlPlaneAccess): Promise<string> {
  const { status, body } = await controlPlane.request(
    'GET',
    '/apis/webhook-operator.dev/v1alpha1/namespaces/default/webhooks',
  );
  if (status !== 200) throw new Error(`HTTP ${status}`);
  const { items } = JSON.parse(body) as {
    readonly items: readonly { readonly metadata: { readonly resourceVersion: string } }[];
  };
  return items.map(({ metadata }) => metadata.resourceVersion).join(' ');
}

/** AGE is the last column. */
function withoutAge(table: string): string {
  return table.replaceAll(/ +\S+ *$/gm, '');
}
