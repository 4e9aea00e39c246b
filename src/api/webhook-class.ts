import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import type { PayloadFormat, Target, VerificationMethod } from '../delivery/webhook-config.ts';
import { deliverySchema, withImmutableOrder } from './delivery-settings.ts';
import { durationBetween } from './duration.ts';
import { conditionsSchema } from './conditions.ts';
import { labelSelectorSchema } from './label-selector.ts';
import { apiVersion, objectMetaSchema, webhookClassNames } from './metadata.ts';
import { matches, setOf, withRules, withTransitionRules } from './rules.ts';
import { maxURLLength } from './url.ts';

const sourceSchema = withTransitionRules(
  z.object({
    name: withRules(z.string().max(63), [
      matches(
        '^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$',
        'source.name must be one token of lower-case letters, digits and "-", or empty for the namespace of the Webhook',
      ),
    ])
      .describe(
        'name of the source, at most 63 characters. Empty means the namespace of the Webhook, so that each tenant sees its own events. Defaults to empty.',
      )
      .default(''),
  }),
  [{ cel: 'self == oldSelf', message: 'source is immutable: create another WebhookClass' }],
);

const allowedHostSchema = withRules(z.string().min(1).max(253), [
  matches(
    '^([-A-Za-z0-9_.*]+|\\[[0-9A-Fa-f:.]+\\])$',
    'admission.allowedHosts must be host names in which * stands for one label or a part of one and ** for one or more labels, without scheme, port and path',
  ),
]);

/** Blocks of `delivery` that a class may let Webhooks override. */
export const overridableBlocks = [
  'timeouts',
  'retry',
  'responses',
  'disable',
  'whileInactive',
  'rateLimit',
  'concurrency',
  'ordered',
] as const;

const limitsSchema = z.object({
  maxConcurrency: z
    .int()
    .min(1)
    .max(1024)
    .describe('maxConcurrency is the highest delivery.concurrency that a Webhook may set: 1 to 1024. Defaults to 64.')
    .default(64),
  maxTotalTimeout: durationBetween('admission.limits.maxTotalTimeout', '10ms', '5m')
    .describe(
      'maxTotalTimeout is the longest delivery.timeouts.total that a Webhook may set: a duration, 10ms to 5m. Defaults to 60s.',
    )
    .default('60s'),
  maxRetrySpan: durationBetween('admission.limits.maxRetrySpan', '0s', '8760h')
    .describe(
      'maxRetrySpan is the longest sum of the delays in a delivery.retry.schedule that a Webhook may set: a duration, 0s to 8760h. Defaults to 720h.',
    )
    .default('720h'),
});

const admissionSchema = z.object({
  urlMaxLength: z
    .int()
    .min(1)
    .max(maxURLLength)
    .describe('urlMaxLength is the longest URL allowed, in characters: 1 to 4096. Defaults to 2048.')
    .default(2048),
  requireHTTPS: z.boolean().describe('requireHTTPS refuses http:// URLs. Defaults to true.').default(true),
  allowedHosts: setOf(allowedHostSchema, { min: 0, max: 64 })
    .describe(
      'allowedHosts are the hosts that a URL may name, as patterns: * stands for one label or a part of one, ** for one or more labels, like *.example.com. At most 64. An empty list allows every host. Defaults to empty.',
    )
    .default([]),
  namespaceSelector: labelSelectorSchema
    .describe(
      'namespaceSelector chooses by their labels the namespaces whose Webhooks may use the class. Empty means all. Defaults to empty.',
    )
    .prefault({}),
  overrides: setOf(z.enum(overridableBlocks), { min: 0, max: overridableBlocks.length })
    .describe(
      'overrides lists the blocks of delivery that a Webhook may set itself. Defaults to [timeouts, retry, rateLimit, concurrency, ordered].',
    )
    .default(['timeouts', 'retry', 'rateLimit', 'concurrency', 'ordered']),
  limits: limitsSchema.describe('limits bound what a Webhook may set in those blocks.').prefault({}),
  exempt: z
    .boolean()
    .describe(
      'exempt means that failures never disable a Webhook of the class; a Disable by a response rule still does. Defaults to false.',
    )
    .default(false),
});

const verificationMethods = ['Challenge', 'CloudEventsHandshake', 'None'] as const satisfies VerificationMethod[];
const payloadFormats = [
  'Raw',
  'Event',
  'StandardWebhooks',
  'CloudEventsStructured',
  'CloudEventsBinary',
] as const satisfies PayloadFormat[];
const signingSchemes = ['StandardWebhooks', 'None'] as const satisfies Target['signingScheme'][];

function isCIDR(text: string): boolean {
  const [, address = '', prefix = ''] = /^([^/]+)[/](0|[1-9][0-9]{0,2})$/.exec(text) ?? [];
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return Number(prefix) <= 32 && !/(^|\.)0[0-9]/.test(address);
  if (!/^[0-9A-Fa-f:.]+$/.test(address) || !ipaddr.IPv6.isValid(address)) return false;
  return Number(prefix) <= 128 && !ipaddr.IPv6.parse(address).isIPv4MappedAddress();
}

const cidrSchema = withRules(z.string().min(1).max(64), [
  {
    cel: 'isCIDR(self)',
    message: 'network.allowedCIDRs must be address ranges like 10.0.0.0/8 or fd00::/8',
    test: isCIDR,
  },
]);

const specSchema = z.object({
  description: z
    .string()
    .max(1024)
    .describe('description is what a user reads to choose the class. At most 1024 characters.')
    .optional(),
  source: sourceSchema.describe('source is where the events come from. Immutable.').prefault({}),
  admission: admissionSchema
    .describe('admission says which Webhooks may use the class, and what they may set.')
    .prefault({}),
  verification: z
    .object({
      method: z
        .enum(verificationMethods)
        .describe(
          'method is how a URL proves itself before it gets events: Challenge (a POST of {"challenge": token} must be answered with the token), CloudEventsHandshake (HTTP OPTIONS, as the CloudEvents webhook specification says) or None. Defaults to Challenge.',
        )
        .default('Challenge'),
    })
    .describe('verification is the proof that the user controls the URL.')
    .prefault({}),
  payload: z
    .object({
      format: z
        .enum(payloadFormats)
        .describe(
          'format of the request body: Raw (the bytes of the event), Event ({"event": …}), StandardWebhooks ({"type", "timestamp", "data"}), CloudEventsStructured or CloudEventsBinary. Defaults to Raw.',
        )
        .default('Raw'),
    })
    .describe('payload is what a request carries.')
    .prefault({}),
  signing: z
    .object({
      scheme: z
        .enum(signingSchemes)
        .describe(
          'scheme of the signature: StandardWebhooks (the header webhook-signature) or None. Defaults to StandardWebhooks.',
        )
        .default('StandardWebhooks'),
      required: z
        .boolean()
        .describe('required refuses Webhooks without spec.signing.keys. Defaults to false.')
        .default(false),
    })
    .describe('signing says how requests are signed.')
    .prefault({}),
  delivery: deliverySchema
    .describe(
      'delivery says how events are sent, retried and given up. What it leaves out has the default that the field names.',
    )
    .optional(),
  network: z
    .object({
      allowedCIDRs: setOf(cidrSchema, { min: 0, max: 64 })
        .describe(
          'allowedCIDRs are address ranges that may be connected to besides public addresses, like 10.0.0.0/8. At most 64. Defaults to none, so that no Webhook reaches into the network of the cluster.',
        )
        .default([]),
    })
    .describe('network says which addresses may be connected to.')
    .prefault({}),
});

export const webhookClassSpecSchema = withImmutableOrder(
  withRules(specSchema, [
    {
      cel: "self.signing.scheme != 'None' || !self.signing.required",
      message: 'signing.required needs a signing.scheme other than None',
      test: ({ signing }) => signing.scheme !== 'None' || !signing.required,
    },
  ]),
).describe('spec says how the webhooks of the class behave.');

export const webhookClassStatusSchema = z
  .object({
    observedGeneration: z
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .describe('observedGeneration is the metadata.generation that this status is about.')
      .optional(),
    conditions: conditionsSchema.describe('conditions are the state of the class: Ready.').optional(),
  })
  .describe('status is what the operator observed.');

/** A WebhookClass as the API server stores it; parsing fills in the defaults that the CRD has too. */
export const webhookClassSchema = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(webhookClassNames.kind),
  metadata: objectMetaSchema,
  spec: webhookClassSpecSchema,
  status: webhookClassStatusSchema.optional().catch(undefined),
});

export type WebhookClassSpec = z.output<typeof webhookClassSpecSchema>;
export type WebhookClassStatus = z.output<typeof webhookClassStatusSchema>;
export type WebhookClass = z.output<typeof webhookClassSchema>;
