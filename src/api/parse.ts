import type { z } from 'zod';
import type { ObjectMeta } from './metadata.ts';
import { objectMetaSchema } from './metadata.ts';
import type { Problem } from './problem.ts';
import { problemsOf } from './problem.ts';
import type { WebhookClass } from './webhook-class.ts';
import { webhookClassSchema } from './webhook-class.ts';
import type { WebhookStatus } from './webhook-status.ts';
import { webhookStatusSchema } from './webhook-status.ts';
import type { Webhook } from './webhook.ts';
import { webhookSchema } from './webhook.ts';

/**
 * An object from the API server, checked. `valid: false` = its spec breaks a rule (it is older than the rule, or the CRD is
 * another version's); `metadata` is there all the same, to say so in its status, unless it is no Kubernetes object at all.
 */
export type Parsed<T, S = undefined> =
  | { readonly valid: true; readonly object: T }
  | {
      readonly valid: false;
      readonly metadata: ObjectMeta | undefined;
      readonly status: S | undefined;
      readonly problems: readonly Problem[];
    };

/** Checks a Webhook as it comes from a LIST or a WATCH. Never throws. */
export function parseWebhook(value: unknown): Parsed<Webhook, WebhookStatus> {
  return parse(webhookSchema, value, webhookStatusSchema);
}

/** Checks a WebhookClass as it comes from a LIST or a WATCH, and fills in its defaults. Never throws. */
export function parseWebhookClass(value: unknown): Parsed<WebhookClass> {
  return parse<WebhookClass, undefined>(webhookClassSchema, value);
}

function parse<T, S>(schema: z.ZodType<T>, value: unknown, statusSchema?: z.ZodType<S>): Parsed<T, S> {
  const result = schema.safeParse(value);
  if (result.success) return { valid: true, object: result.data };
  const { metadata, status } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  return {
    valid: false,
    metadata: objectMetaSchema.safeParse(metadata).data,
    status: statusSchema?.safeParse(status).data,
    problems: problemsOf(result.error),
  };
}
