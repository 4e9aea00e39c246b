import { formatDuration, parseDuration } from './duration.ts';
import { matchesHost } from './host-glob.ts';
import { matchesLabels } from './label-selector.ts';
import type { Problem } from './problem.ts';
import { resolveDelivery } from './resolve.ts';
import { urlProblem } from './url.ts';
import type { WebhookClassSpec } from './webhook-class.ts';
import { overridableBlocks } from './webhook-class.ts';
import type { WebhookSpec } from './webhook.ts';

type Admission = WebhookClassSpec['admission'];

/**
 * Everything about a Webhook that its class does not admit; empty = admitted. A URL from a Secret is not known here:
 * check it with {@link admitURL}. Expects parsed specs.
 */
export function admit(
  classSpec: WebhookClassSpec,
  namespaceLabels: Readonly<Record<string, string>>,
  webhookSpec: WebhookSpec,
): Problem[] {
  return [
    ...admitNamespace(classSpec.admission, namespaceLabels),
    ...(webhookSpec.url === undefined ? [] : admitURL(classSpec, webhookSpec.url)),
    ...admitSigning(classSpec, webhookSpec),
    ...admitOverrides(classSpec.admission, webhookSpec),
    ...admitLimits(classSpec, webhookSpec),
  ];
}

/**
 * What a class has against a URL. `field` is where the URL comes from. Messages don't repeat it: it may be a credential.
 * Also checks what any URL must be, for those that come from a Secret.
 */
export function admitURL(
  classSpec: Pick<WebhookClassSpec, 'admission'>,
  url: string,
  field: 'spec.url' | 'spec.urlFrom' = 'spec.url',
): Problem[] {
  const { urlMaxLength, requireHTTPS, allowedHosts } = classSpec.admission;
  const malformed = urlProblem(url);
  if (malformed !== undefined) return [{ field, message: malformed }];
  const { protocol, hostname } = new URL(url);
  const problems: Problem[] = [];
  if (url.length > urlMaxLength) {
    problems.push({
      field,
      message: `the class allows at most ${urlMaxLength} characters, these are ${url.length}: use a shorter URL`,
    });
  }
  if (requireHTTPS && protocol !== 'https:') {
    problems.push({ field, message: 'the class requires https: use an https:// URL or another class' });
  }
  if (allowedHosts.length > 0 && !allowedHosts.some((glob) => matchesHost(glob, hostname))) {
    problems.push({
      field,
      message: `the class allows only the hosts ${allowedHosts.join(', ')}: use one of them or another class`,
    });
  }
  return problems;
}

function admitNamespace({ namespaceSelector }: Admission, labels: Readonly<Record<string, string>>): Problem[] {
  if (matchesLabels(namespaceSelector, labels)) return [];
  return [
    {
      field: 'spec.className',
      message:
        'the class is not for this namespace: label the namespace as admission.namespaceSelector of the class asks, or use another class',
    },
  ];
}

function admitSigning({ signing }: WebhookClassSpec, spec: WebhookSpec): Problem[] {
  const field = 'spec.signing.keys';
  if (signing.required && spec.signing === undefined) {
    return [{ field, message: 'the class requires signed requests: name at least one key' }];
  }
  if (signing.scheme === 'None' && spec.signing !== undefined) {
    return [{ field, message: 'the class does not sign requests: remove the keys or use another class' }];
  }
  return [];
}

function admitOverrides({ overrides }: Admission, { delivery = {} }: WebhookSpec): Problem[] {
  const allowed = overrides.length === 0 ? 'none' : overrides.join(', ');
  return overridableBlocks
    .filter((block) => delivery[block] !== undefined && !overrides.includes(block))
    .map((block) => ({
      field: `spec.delivery.${block}`,
      message: `the class does not let a Webhook set this: remove it or use another class (it allows: ${allowed})`,
    }));
}

/** Only what the Webhook itself sets is held against it: what the class says is the platform admin's business. */
function admitLimits(classSpec: WebhookClassSpec, spec: WebhookSpec): Problem[] {
  const { limits } = classSpec.admission;
  const { concurrency, timeouts, retry } = spec.delivery ?? {};
  const settings = resolveDelivery(classSpec, spec);
  const problems: Problem[] = [];
  if (concurrency !== undefined && concurrency > limits.maxConcurrency) {
    problems.push({
      field: 'spec.delivery.concurrency',
      message: `the class allows at most ${limits.maxConcurrency}: lower it`,
    });
  }
  if (timeouts?.total !== undefined && settings.timeouts.totalMs > parseDuration(limits.maxTotalTimeout)) {
    problems.push({
      field: 'spec.delivery.timeouts.total',
      message: `the class allows at most ${limits.maxTotalTimeout}: shorten it`,
    });
  }
  if (timeouts !== undefined && settings.timeouts.connectMs > settings.timeouts.totalMs) {
    const { connectMs, totalMs } = settings.timeouts;
    problems.push({
      field: 'spec.delivery.timeouts',
      message: `connect (${formatDuration(connectMs)}) must not be longer than total (${formatDuration(totalMs)}): set both`,
    });
  }
  const spanMs = settings.retry.scheduleMs.reduce((sum, delay) => sum + delay, 0);
  if (retry?.schedule !== undefined && spanMs > parseDuration(limits.maxRetrySpan)) {
    problems.push({
      field: 'spec.delivery.retry.schedule',
      message: `the delays add up to ${formatDuration(spanMs)}, the class allows at most ${limits.maxRetrySpan}: shorten it`,
    });
  }
  return problems;
}
