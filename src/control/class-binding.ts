import { matchesLabels } from '../api/label-selector.ts';
import { annotations } from '../api/metadata.ts';
import type { KnownClass, ReadWebhook, ResolveInput } from './resolution.ts';

/** Which class a Webhook has, and the source that it is bound to for ever. */
export interface ClassBinding {
  /** See `Resolution.className`. */
  readonly className: string | undefined;
  /** See `Resolution.source`. */
  readonly source: string | undefined;
  /** Its behaviour, or its last known one. */
  readonly known: KnownClass | undefined;
  /** Why there is no class now, for a person. */
  readonly missing: string | undefined;
  /** Why the class and the source don't go together, for a person. */
  readonly conflict: string | undefined;
}

/**
 * `spec.className` wins; without it what was resolved once stays, so that a moved default moves no webhook. The source is
 * bound by the first class that exists and takes webhooks of the namespace; one that does not take them would bind the
 * webhook to events that it may not have.
 */
export function bindClass(
  webhook: Pick<ReadWebhook, 'metadata' | 'spec' | 'status'>,
  input: Pick<ResolveInput, 'findClass' | 'defaultClassName' | 'namespaceLabels'>,
): ClassBinding {
  const { className: boundClass, source: boundSource } = webhook.status ?? {};
  const wanted = webhook.spec.className ?? boundClass ?? input.defaultClassName;
  const known = wanted === undefined ? undefined : input.findClass(wanted);
  if (known?.known !== 'Current') {
    return {
      className: boundClass,
      source: boundSource,
      known,
      missing: missingMessage(wanted, known),
      conflict: undefined,
    };
  }
  const { namespace } = webhook.metadata;
  const { source, admission } = known.class.spec;
  const classSource = source.name || namespace;
  const isTaken = matchesLabels(admission.namespaceSelector, input.namespaceLabels);
  const bound = boundSource ?? (isTaken ? classSource : undefined);
  return {
    className: wanted,
    source: bound,
    known,
    missing: undefined,
    conflict: bound === undefined || bound === classSource ? undefined : conflictMessage(known, classSource, bound),
  };
}

function missingMessage(wanted: string | undefined, known: KnownClass | undefined): string {
  if (wanted === undefined) {
    return `no WebhookClass is marked as default: set spec.className, or mark one with the annotation ${annotations.isDefaultClass}: "true"`;
  }
  const fault = known === undefined ? 'does not exist' : 'was deleted';
  return `WebhookClass ${wanted} ${fault}: create it, or name another one in spec.className; nothing is delivered until then`;
}

function conflictMessage(known: KnownClass, classSource: string, bound: string): string {
  const { name } = known.class.metadata;
  return `WebhookClass ${name} has the source ${classSource}, this webhook was bound to ${bound} when it was first seen: name a class with that source, or create the webhook anew`;
}
