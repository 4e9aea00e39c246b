import { z } from 'zod';
import { deliverySchema, withImmutableOrder } from './delivery-settings.ts';
import { headersSchema } from './headers.ts';
import { apiVersion, objectMetaSchema, webhookNames } from './metadata.ts';
import { objectName, secretKeyRefSchema, valueSourceSchema } from './references.ts';
import { listOf, matches, setOf, withRules } from './rules.ts';
import { urlSchema } from './url.ts';
import { webhookStatusSchema } from './webhook-status.ts';

/** What NATS takes as a subject filter: tokens, `*` for one, `>` at the end for one or more. */
const patternSchema = withRules(z.string().min(1).max(256), [
  matches(
    '^(([^.*>\\x00-\\x20\\x7f]+|[*])[.])*([^.*>\\x00-\\x20\\x7f]+|[*]|>)$',
    'events must be patterns of dot-separated tokens without spaces; * stands for exactly one token, > for one or more and only at the end',
  ),
]).refine(
  // A CRD can't name the spaces and control characters beyond ASCII in a way that RE2 and JavaScript share.
  (pattern) => !/[\s\p{Cc}]/u.test(pattern),
  'events must not contain white space or control characters',
);

const specSchema = z.object({
  url: urlSchema
    .describe(
      'url receives the events by HTTP POST: http or https, no user name, password or fragment, at most 4096 characters (its class may allow fewer, and https only). Exactly one of url and urlFrom must be set.',
    )
    .optional(),
  urlFrom: valueSourceSchema
    .describe(
      'urlFrom takes the URL from a Secret, for URLs that are a credential themselves. Exactly one of url and urlFrom must be set.',
    )
    .optional(),
  className: withRules(z.string().min(1).max(253), [objectName('className')])
    .describe(
      'className names the WebhookClass that says how the webhook behaves. Defaults to the class marked as default when the Webhook is first seen; see status.className.',
    )
    .optional(),
  events: setOf(patternSchema, { min: 1, max: 64 }).describe(
    'events are the patterns of the event types to deliver, like item.created or item.status_changed.>: dot-separated tokens, * is exactly one token, > is one or more and stands at the end. 1 to 64 patterns of at most 256 characters.',
  ),
  filter: z
    .string()
    .min(1)
    .max(4096)
    .describe(
      'filter is a CEL expression over type, data, headers, id and time; only events for which it is true are delivered. At most 4096 characters. An error while it is evaluated means no match. Example: has(data.columnId) && data.columnId == "status".',
    )
    .optional(),
  headers: headersSchema.describe('headers are added to each request, the challenge included. At most 32.').optional(),
  signing: z
    .object({
      keys: listOf(
        z.object({
          secretKeyRef: secretKeyRefSchema,
        }),
        { min: 1, max: 8 },
      ).describe(
        'keys sign each request by the scheme of the class. The first is the primary one; more than one is for rotation: a signature is made with each. 1 to 8. A value that begins with whsec_ or whsk_ is decoded as Standard Webhooks says, any other is used as it is.',
      ),
    })
    .describe('signing holds the keys that sign the requests.')
    .optional(),
  suspend: z
    .boolean()
    .describe(
      'suspend is the switch of the user: true stops deliveries (what happens to events meanwhile is said by delivery.whileInactive), and clears a disable where reactivateBy contains Toggle; false delivers. Defaults to false.',
    )
    .optional(),
  delivery: deliverySchema
    .describe(
      'delivery overrides single settings of the class, as far as the class lets it (admission.overrides and admission.limits). Lists are replaced as a whole.',
    )
    .optional(),
});

export const webhookSpecSchema = withImmutableOrder(
  withRules(specSchema, [
    {
      cel: 'has(self.url) != has(self.urlFrom)',
      message: 'exactly one of url and urlFrom must be set',
      test: (spec) => (spec.url !== undefined) !== (spec.urlFrom !== undefined),
    },
  ]),
).describe('spec says where to deliver what.');

/** A Webhook as the API server stores it. A status that can't be read counts as none: it is a projection, made anew. */
export const webhookSchema = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(webhookNames.kind),
  metadata: objectMetaSchema.extend({ namespace: z.string() }),
  spec: webhookSpecSchema,
  status: webhookStatusSchema.optional().catch(undefined),
});

export type WebhookSpec = z.output<typeof webhookSpecSchema>;
export type Webhook = z.output<typeof webhookSchema>;
