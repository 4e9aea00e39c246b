import type { z } from 'zod';
import { deliverySchema } from '../api/delivery-settings.ts';
import { parseWebhook } from '../api/parse.ts';
import { webhookSpecSchema } from '../api/webhook.ts';
import { patternProblem } from '../delivery/pattern.ts';
import type { ReadWebhook } from './resolution.ts';

/**
 * Reads a Webhook from a LIST or a WATCH. Of a spec that breaks a rule it keeps what is valid alone, so that its events
 * still match and are held until the spec is mended. Undefined for what is no Webhook at all.
 */
export function readWebhook(object: unknown): ReadWebhook | undefined {
  const parsed = parseWebhook(object);
  if (parsed.valid) {
    const { metadata, spec, status } = parsed.object;
    return { metadata, spec, patterns: spec.events, status, problems: [] };
  }
  const { metadata, status, problems } = parsed;
  if (metadata?.namespace === undefined) return undefined;
  const spec = membersOf((object as { readonly spec?: unknown }).spec);
  return {
    metadata: { ...metadata, namespace: metadata.namespace },
    spec: {
      ...validMembers(webhookSpecSchema.shape, spec),
      delivery: validMembers(deliverySchema.shape, spec['delivery']),
    },
    patterns: validPatterns(spec['events']),
    status,
    problems,
  };
}

type Shape = Readonly<Record<string, z.ZodType>>;

function validMembers<S extends Shape>(shape: S, value: unknown): Partial<{ [K in keyof S]: z.output<S[K]> }> {
  const valid: Record<string, unknown> = {};
  const members = membersOf(value);
  for (const [name, schema] of Object.entries(shape)) {
    const result = schema.safeParse(members[name]);
    if (result.success && result.data !== undefined) valid[name] = result.data;
  }
  return valid as Partial<{ [K in keyof S]: z.output<S[K]> }>;
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function validPatterns(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  const patterns = value.filter(
    (each): each is string => typeof each === 'string' && patternProblem(each) === undefined,
  );
  return [...new Set(patterns)];
}
