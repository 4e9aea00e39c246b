import { z } from 'zod';
import type { ReactivateBy, ResponseRule } from '../delivery/webhook-config.ts';
import { durationBetween } from './duration.ts';
import { listOf, matches, setOf, withRules, withTransitionRules } from './rules.ts';

const timeoutsSchema = z.object({
  connect: durationBetween('timeouts.connect', '10ms', '1m')
    .describe(
      'connect is how long resolving the name, connecting and the TLS handshake may take together: a duration like 5s, 10ms to 1m. Defaults to 5s.',
    )
    .optional(),
  total: durationBetween('timeouts.total', '10ms', '5m')
    .describe(
      'total is how long a whole request may take, from resolving the name to the status line: a duration like 15s, 10ms to 5m. Defaults to 15s.',
    )
    .optional(),
});

const retrySchema = z.object({
  schedule: listOf(durationBetween('retry.schedule', '10ms', '720h'), { min: 0, max: 64 })
    .describe(
      'schedule holds the delay before attempt 2, 3, and so on: durations like 5m, 10ms to 720h each, at most 64. An empty list means one attempt. Defaults to [5s, 5m, 30m, 2h, 5h, 10h, 10h].',
    )
    .optional(),
  jitterPercent: z
    .int()
    .min(0)
    .max(100)
    .describe(
      'jitterPercent is how much is added to each delay at random at most, in percent of the delay: 0 to 100. Nothing is ever sent earlier. Defaults to 10.',
    )
    .optional(),
  retryAfter: z
    .object({
      maxDelay: durationBetween('retry.retryAfter.maxDelay', '0s', '720h')
        .describe(
          'maxDelay caps what a Retry-After header may ask for: a duration like 1h, 0s to 720h; 0s ignores the header. Defaults to 1h.',
        )
        .optional(),
    })
    .describe(
      'retryAfter says how far a Retry-After header is honoured. It can delay the next attempt, never bring it forward.',
    )
    .optional(),
});

const statusCodeSchema = withRules(z.string().min(3).max(3), [
  matches(
    '^[345]([0-9][0-9]|xx)$',
    'statusCodes must be codes from 300 to 599 or the classes 3xx, 4xx and 5xx (a 2xx is always a success)',
  ),
]);

const responseActions = ['Retry', 'Reject', 'Disable'] as const satisfies ResponseRule['action'][];

const responseRuleSchema = z.object({
  statusCodes: setOf(statusCodeSchema, { min: 1, max: 32 }).describe(
    'statusCodes are the codes (like "410") or classes (like "4xx") that the rule is for: strings, 1 to 32.',
  ),
  action: z
    .enum(responseActions)
    .describe(
      'action is what such a response means: Retry (try again by the schedule), Reject (no further attempt, the event becomes a dead letter) or Disable (the webhook is disabled).',
    ),
});

const reactivateByValues = ['Toggle', 'Annotation', 'URLChange'] as const satisfies ReactivateBy[];

const count = (description: string) => z.int().min(0).max(1_000_000).describe(description).optional();

const disableSchema = z.object({
  failingAfter: count(
    'failingAfter is the number of failed attempts in a row from which the condition Failing is True: 0 (never) to 1000000. Defaults to 3.',
  ),
  warnAfter: count(
    'warnAfter is the number of failed attempts in a row at which the event DeliveryFailing warns: 0 (never) to 1000000. Defaults to 250.',
  ),
  afterConsecutiveFailures: count(
    'afterConsecutiveFailures is the number of failed attempts in a row, over all events, that disables the webhook: 0 (never) to 1000000. Defaults to 500.',
  ),
  minFailingDuration: durationBetween('disable.minFailingDuration', '0s', '8760h')
    .describe(
      'minFailingDuration is how long the failures of afterConsecutiveFailures must last at least before they disable the webhook: a duration like 24h, 0s to 8760h. Defaults to 24h.',
    )
    .optional(),
  afterExhaustedEvents: count(
    'afterExhaustedEvents is the number of events in a row whose last attempt failed that disables the webhook: 0 (never) to 1000000. Defaults to 0.',
  ),
  reactivateBy: setOf(z.enum(reactivateByValues), { min: 1, max: 3 })
    .describe(
      'reactivateBy lists how a person re-enables a disabled webhook: Toggle (spec.suspend true, then false), Annotation (a new value of webhook-operator.dev/reactivate), URLChange. Defaults to all three.',
    )
    .optional(),
});

const rateLimitSchema = z.object({
  requests: z
    .int()
    .min(0)
    .max(100_000)
    .describe('requests is how many requests may begin in each period: 0 (no limit) to 100000. Defaults to 0.')
    .optional(),
  per: durationBetween('rateLimit.per', '10ms', '24h')
    .describe('per is the length of the period: a duration like 1s, 10ms to 24h. Defaults to 1s.')
    .optional(),
});

/**
 * The `delivery` block of a WebhookClass and of a Webhook. Every leaf is optional and none has a CRD default: an absent leaf
 * means "what the level above says" (`resolveDelivery` in `resolve.ts` merges them), which a stored default would hide.
 */
export const deliverySchema = z.object({
  timeouts: timeoutsSchema.describe('timeouts bound one request.').optional(),
  retry: retrySchema.describe('retry says when a failed delivery is tried again.').optional(),
  responses: listOf(responseRuleSchema, { min: 0, max: 32 })
    .describe(
      'responses give failed responses a meaning by status code; the first rule that matches wins, what matches none is retried. At most 32. Defaults to one rule: 410 disables.',
    )
    .optional(),
  disable: disableSchema
    .describe('disable says when failures are shown, and when they disable the webhook.')
    .optional(),
  whileInactive: z
    .enum(['Keep', 'Drop'])
    .describe(
      'whileInactive is what happens to events while the webhook is disabled or suspended: Keep (held, and delivered after reactivation) or Drop. Defaults to Keep.',
    )
    .optional(),
  concurrency: z
    .int()
    .min(1)
    .max(1024)
    .describe('concurrency is how many requests may be in flight at once: 1 to 1024. Defaults to 16.')
    .optional(),
  rateLimit: rateLimitSchema.describe('rateLimit bounds the requests per time.').optional(),
  ordered: z
    .boolean()
    .describe(
      'ordered delivers strictly in the order of the stream, one event at a time, each only after the one before it is settled. Immutable. Defaults to false.',
    )
    .optional(),
});
export type DeliverySpec = z.output<typeof deliverySchema>;

// Three values, because unset is not false: the class decides then. Numbers, because the API server takes the cost of
// comparing texts for unbounded.
const orderedOf = (object: string) =>
  `(has(${object}.delivery) && has(${object}.delivery.ordered) ? (${object}.delivery.ordered ? 2 : 1) : 0)`;

/** Puts the rule that `delivery.ordered` never changes on a spec: an ordered webhook reads events in another way. */
export function withImmutableOrder<S extends z.ZodType>(spec: S): S {
  return withTransitionRules(spec, [
    {
      cel: `${orderedOf('self')} == ${orderedOf('oldSelf')}`,
      message: 'delivery.ordered is immutable: create another object and delete this one',
    },
  ]);
}
