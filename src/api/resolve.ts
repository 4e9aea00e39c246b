import type { DeliverySettings } from '../delivery/webhook-config.ts';
import type { DeliverySpec } from './delivery-settings.ts';
import { parseDuration } from './duration.ts';
import type { WebhookClassSpec } from './webhook-class.ts';
import type { WebhookSpec } from './webhook.ts';

/** What a class leaves out. The class `standard` spells the same out. */
const defaultDelivery = {
  timeouts: { connect: '5s', total: '15s' },
  retry: {
    schedule: ['5s', '5m', '30m', '2h', '5h', '10h', '10h'],
    jitterPercent: 10,
    retryAfter: { maxDelay: '1h' },
  },
  responses: [{ statusCodes: ['410'], action: 'Disable' }],
  disable: {
    failingAfter: 3,
    warnAfter: 250,
    afterConsecutiveFailures: 500,
    minFailingDuration: '24h',
    afterExhaustedEvents: 0,
    reactivateBy: ['Toggle', 'Annotation', 'URLChange'],
  },
  whileInactive: 'Keep',
  concurrency: 16,
  rateLimit: { requests: 0, per: '1s' },
  ordered: false,
} as const satisfies DeliverySpec;

/**
 * A Webhook's `delivery` merged over its class's and the built-in defaults: leaf by leaf, lists replaced as a whole. What
 * the class forbids is merged too; `admit` says no to it. Expects parsed specs.
 */
export function resolveDelivery(
  classSpec: Pick<WebhookClassSpec, 'delivery'>,
  webhookSpec: Pick<WebhookSpec, 'delivery'>,
): DeliverySettings {
  const [upper, lower] = [webhookSpec.delivery ?? {}, classSpec.delivery ?? {}];
  function leaf<T>(read: (delivery: DeliverySpec) => T | undefined, fallback: T): T {
    return read(upper) ?? read(lower) ?? fallback;
  }
  const ms = (read: (delivery: DeliverySpec) => string | undefined, fallback: string) =>
    parseDuration(leaf(read, fallback));

  const { timeouts, retry, disable, rateLimit, ...rest } = defaultDelivery;
  return {
    timeouts: {
      connectMs: ms((d) => d.timeouts?.connect, timeouts.connect),
      totalMs: ms((d) => d.timeouts?.total, timeouts.total),
    },
    retry: {
      scheduleMs: leaf((d) => d.retry?.schedule, [...retry.schedule]).map(parseDuration),
      jitterPercent: leaf((d) => d.retry?.jitterPercent, retry.jitterPercent),
      retryAfterMaxMs: ms((d) => d.retry?.retryAfter?.maxDelay, retry.retryAfter.maxDelay),
    },
    responses: leaf<DeliverySettings['responses']>((d) => d.responses, rest.responses),
    disable: {
      failingAfter: leaf((d) => d.disable?.failingAfter, disable.failingAfter),
      warnAfter: leaf((d) => d.disable?.warnAfter, disable.warnAfter),
      afterConsecutiveFailures: leaf((d) => d.disable?.afterConsecutiveFailures, disable.afterConsecutiveFailures),
      minFailingDurationMs: ms((d) => d.disable?.minFailingDuration, disable.minFailingDuration),
      afterExhaustedEvents: leaf((d) => d.disable?.afterExhaustedEvents, disable.afterExhaustedEvents),
      reactivateBy: leaf<DeliverySettings['disable']['reactivateBy']>(
        (d) => d.disable?.reactivateBy,
        disable.reactivateBy,
      ),
    },
    whileInactive: leaf((d) => d.whileInactive, rest.whileInactive),
    concurrency: leaf((d) => d.concurrency, rest.concurrency),
    rateLimit: {
      requests: leaf((d) => d.rateLimit?.requests, rateLimit.requests),
      perMs: ms((d) => d.rateLimit?.per, rateLimit.per),
    },
    ordered: leaf((d) => d.ordered, rest.ordered),
  };
}
