import { keyOf } from '../kubernetes/kube-object.ts';
import type { WorkQueue } from '../kubernetes/work-queue.ts';
import type { Catalog } from './catalog.ts';
import { classNameOf } from './home-slot.ts';
import type { KnownWebhooks } from './known-webhooks.ts';
import { isLabelChange, isSpecChange } from './relevant-change.ts';

export interface TriggersOptions {
  readonly catalog: Catalog;
  readonly known: KnownWebhooks;
  readonly webhookQueue: Pick<WorkQueue, 'add'>;
  readonly classQueue: Pick<WorkQueue, 'add'>;
}

/** Has Webhooks and classes looked at whenever something changes that they depend on. Returns a function that ends it. */
export function connectTriggers({ catalog, known, webhookQueue, classQueue }: TriggersOptions): () => void {
  const ends = [
    catalog.webhooks.onChange((key, old, current) => {
      if (current === undefined && old?.metadata.uid !== undefined) known.markGone(key, old.metadata.uid);
      if (isSpecChange(old, current)) webhookQueue.add(key);
    }),
    catalog.classes.onChange((name, old, current) => {
      if (!isSpecChange(old, current)) return;
      classQueue.add(name);
      for (const webhook of catalog.allWebhooks()) {
        const className = classNameOf(webhook, catalog.defaultClassName);
        // Without a class it may get this one, should it have become the default.
        if (className === name || className === undefined) webhookQueue.add(keyOf(webhook.metadata), 'low');
      }
    }),
    catalog.namespaces.onChange((name, old, current) => {
      if (!isLabelChange(old, current)) return;
      for (const { metadata } of catalog.allWebhooks()) {
        if (metadata.namespace === name) webhookQueue.add(keyOf(metadata), 'low');
      }
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}
