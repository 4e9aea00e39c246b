import { maxOrderedWebhooks } from '../jetstream/stream-table.ts';
import type { Catalog } from './catalog.ts';
import { bindClass } from './class-binding.ts';
import type { ReadWebhook } from './resolution.ts';

type Classes = Pick<Catalog, 'findClass' | 'defaultClassName' | 'namespaceLabels'>;

/** The class that a Webhook names, was bound to, or gets by default; undefined when there is no default. */
export function classNameOf(webhook: ReadWebhook, defaultClassName: string | undefined): string | undefined {
  return webhook.spec.className ?? webhook.status?.className ?? defaultClassName;
}

function bindingOf(webhook: ReadWebhook, { findClass, defaultClassName, namespaceLabels }: Classes) {
  return bindClass(webhook, {
    findClass,
    defaultClassName,
    namespaceLabels: namespaceLabels(webhook.metadata.namespace),
  });
}

/**
 * The source that decides in which slot a Webhook lives, known without its Secrets. While it is bound to none, its
 * namespace: somebody has to write its status.
 */
export function homeSource(webhook: ReadWebhook, classes: Classes): string {
  return webhook.status?.source ?? bindingOf(webhook, classes).source ?? webhook.metadata.namespace;
}

/** The uids of the ordered webhooks that the install takes: the oldest, so that a new one never displaces another. */
export function admittedOrdered(webhooks: Iterable<ReadWebhook>, classes: Classes): ReadonlySet<string> {
  const ordered = [...webhooks].filter((webhook) => {
    const own = webhook.spec.delivery?.ordered;
    return own ?? bindingOf(webhook, classes).known?.class.spec.delivery?.ordered ?? false;
  });
  const ageKey = ({ metadata }: ReadWebhook): string => `${metadata.creationTimestamp ?? ''} ${metadata.uid}`;
  ordered.sort((a, b) => (ageKey(a) < ageKey(b) ? -1 : 1));
  return new Set(ordered.slice(0, maxOrderedWebhooks).map(({ metadata }) => metadata.uid));
}
