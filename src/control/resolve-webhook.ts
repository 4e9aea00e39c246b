import { admit } from '../api/admit.ts';
import type { DeliverySpec } from '../api/delivery-settings.ts';
import { annotations } from '../api/metadata.ts';
import { describeProblems, type Problem } from '../api/problem.ts';
import { resolveDelivery } from '../api/resolve.ts';
import { overridableBlocks, webhookClassSpecSchema, type WebhookClassSpec } from '../api/webhook-class.ts';
import type { WebhookSpec } from '../api/webhook.ts';
import { compileFilter } from '../delivery/filter.ts';
import type { CompiledFilter, DeliverySettings, WebhookConfig } from '../delivery/webhook-config.ts';
import { messageOf } from '../errors.ts';
import { maxOrderedWebhooks } from '../jetstream/stream-table.ts';
import { bindClass, type ClassBinding } from './class-binding.ts';
import type { ReadWebhook, Resolution, ResolveInput } from './resolution.ts';
import { reuseParts } from './same-config.ts';
import { readSecrets, secretRefsOf, targetOf, urlHashOf, type TargetParts } from './webhook-target.ts';

type Hold = Resolution['hold'];

/** For a class that nobody knows: nothing is delivered by it, so only what is kept and what is forbidden matters. */
const unknownClass: WebhookClassSpec = webhookClassSpecSchema.parse({});

/**
 * Brings a Webhook, its class and its Secrets together. Never rejects. What keeps it from delivering becomes a hold, in
 * this order: the spec breaks a rule of the API, no class, the wrong source, the class does not admit it, a Secret, the
 * user's own switch. A held webhook keeps its patterns, so that its events are held too. The spec comes first because events
 * held for it are filtered again later, by a filter that can be read then.
 */
export async function resolveWebhook(input: ResolveInput): Promise<Resolution> {
  const { webhook, previous } = input;
  const { metadata, spec } = webhook;
  const binding = bindClass(webhook, input);
  const classSpec = binding.known?.class.spec ?? unknownClass;
  const wanted = deliveryOf(binding, classSpec, spec);
  // The class may have changed, or be another one: what was once in order stays so, and says that it can't be otherwise.
  const delivery = { ...wanted, ordered: input.boundOrdered ?? wanted.ordered };
  const filter = filterOf(spec.filter, previous?.config?.filter);
  const specHold = specHoldOf(input, binding, wanted, filter.problems);
  const refs = secretRefsOf(spec);
  const lookups = specHold === undefined ? await readSecrets(metadata.namespace, refs, input.secrets) : undefined;
  const readFailed = lookups !== undefined && [...lookups.values()].some(({ outcome }) => outcome === 'Unreadable');
  // While the API server is away, what is known of this spec goes on.
  if (readFailed && previous?.config?.target !== undefined && previous.generation === metadata.generation) {
    return { ...previous, readFailed };
  }
  const parts = lookups === undefined ? withoutTarget(spec) : targetOf(classSpec, spec, lookups);
  const hold = specHold ?? secretHoldOf(parts) ?? suspendHoldOf(spec, delivery);
  const refused = delivery.ordered && input.boundOrdered === undefined && !input.orderedAdmitted;
  const config: WebhookConfig | undefined =
    binding.source === undefined || refused
      ? undefined
      : {
          ...identityOf(webhook),
          source: binding.source,
          patterns: webhook.patterns,
          ...(filter.compiled === undefined ? {} : { filter: filter.compiled }),
          delivery,
          exempt: classSpec.admission.exempt,
          suspend: spec.suspend ?? false,
          ...reactivationOf(webhook),
          verification: classSpec.verification.method,
          ...(parts.target === undefined ? {} : { target: parts.target }),
          ...(hold === undefined ? {} : { hold: hold.reason }),
        };
  return {
    ...identityOf(webhook),
    config: config === undefined ? undefined : reuseParts(previous?.config, config),
    className: binding.className,
    source: binding.source,
    hold,
    urlHash: parts.urlHash,
    usesSecrets: refs.length > 0,
    readFailed,
  };
}

function identityOf({ metadata }: ReadWebhook): Pick<Resolution, 'uid' | 'namespace' | 'name' | 'generation'> {
  const { uid, namespace, name, generation = 0 } = metadata;
  return { uid, namespace, name, generation };
}

function reactivationOf({ metadata }: ReadWebhook): Pick<WebhookConfig, 'reactivateAnnotation'> {
  const value = metadata.annotations?.[annotations.reactivate];
  return value === undefined ? {} : { reactivateAnnotation: value };
}

/**
 * Blocks that the class does not let a Webhook set don't count even while it is held for them: they could say how a disable
 * is cleared. But for `ordered`, which says where the events of the webhook are kept. Without a class nothing is cleared.
 */
function deliveryOf(
  { known }: ClassBinding,
  classSpec: WebhookClassSpec,
  spec: Partial<WebhookSpec>,
): DeliverySettings {
  const { overrides } = classSpec.admission;
  const blocks = overridableBlocks.filter((block) => block === 'ordered' || overrides.includes(block));
  const delivery: DeliverySpec = Object.fromEntries(
    blocks.filter((block) => spec.delivery?.[block] !== undefined).map((block) => [block, spec.delivery?.[block]]),
  );
  const settings = resolveDelivery(classSpec, { delivery });
  return known === undefined ? { ...settings, disable: { ...settings.disable, reactivateBy: [] } } : settings;
}

function filterOf(
  source: string | undefined,
  previous: CompiledFilter | undefined,
): { readonly compiled: CompiledFilter | undefined; readonly problems: readonly Problem[] } {
  if (source === undefined) return { compiled: undefined, problems: [] };
  if (previous?.source === source) return { compiled: previous, problems: [] };
  try {
    return { compiled: compileFilter(source), problems: [] };
  } catch (error) {
    return { compiled: undefined, problems: [{ field: 'spec.filter', message: messageOf(error) }] };
  }
}

function specHoldOf(
  input: ResolveInput,
  { known, missing, conflict }: ClassBinding,
  delivery: DeliverySettings,
  filterProblems: readonly Problem[],
): Hold {
  const { webhook } = input;
  const own = [...webhook.problems, ...filterProblems];
  // Of a spec that can't be read as a whole the class can't be asked: what is left out would count as not set.
  const isWhole = webhook.problems.length === 0;
  const refused =
    known?.known === 'Current' && isWhole
      ? admit(known.class.spec, input.namespaceLabels, webhook.spec as WebhookSpec)
      : [];
  const { boundOrdered } = input;
  if (boundOrdered !== undefined && boundOrdered !== delivery.ordered && known !== undefined) {
    refused.push({
      field: 'spec.className',
      message: `delivery.ordered is ${delivery.ordered} by spec and class, and was ${boundOrdered} when the webhook was created: it can not change; go back, or create another webhook`,
    });
  }
  if (delivery.ordered && boundOrdered === undefined && !input.orderedAdmitted) {
    refused.push({
      field: 'spec.delivery.ordered',
      message: `at most ${maxOrderedWebhooks} webhooks may be ordered, and there are as many: create it without, or delete another ordered one`,
    });
  }
  if (own.length > 0) return { reason: 'InvalidSpec', message: describeProblems([...own, ...refused]) };
  if (missing !== undefined) return { reason: 'ClassNotFound', message: missing };
  if (conflict !== undefined) return { reason: 'SourceConflict', message: conflict };
  return refused.length > 0 ? { reason: 'InvalidSpec', message: describeProblems(refused) } : undefined;
}

function withoutTarget({ url }: Partial<WebhookSpec>): TargetParts {
  return { target: undefined, urlHash: url === undefined ? undefined : urlHashOf(url), problems: [] };
}

function secretHoldOf({ problems }: TargetParts): Hold {
  const [first] = problems;
  return first === undefined ? undefined : { reason: first.reason, message: describeProblems(problems) };
}

function suspendHoldOf({ suspend }: Partial<WebhookSpec>, { whileInactive }: DeliverySettings): Hold {
  if (suspend !== true) return undefined;
  const fate = whileInactive === 'Keep' ? 'held, and delivered once it is false' : 'dropped';
  return { reason: 'Suspended', message: `spec.suspend is true: events that come meanwhile are ${fate}` };
}
