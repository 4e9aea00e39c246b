import { z } from 'zod';
import type { Rule } from './rules.ts';
import { matches, withRules } from './rules.ts';

/** The rule of names that Kubernetes takes as a DNS subdomain. */
export function objectName(field: string): Rule<string> {
  return matches(
    '^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
    `${field} must be the name of an object: lower-case letters, digits, "-" and "."`,
  );
}

/** One key of a Secret in the Webhook's own namespace. */
export const secretKeyRefSchema = z
  .object({
    name: withRules(z.string().min(1).max(253), [objectName('secretKeyRef.name')]).describe(
      'name of a Secret in the namespace of the Webhook. It must carry the label webhook-operator.dev/usable: "true".',
    ),
    key: withRules(z.string().min(1).max(253), [
      matches('^[-._a-zA-Z0-9]+$', 'secretKeyRef.key must be a key of a Secret: letters, digits, "-", "_" and "."'),
    ]).describe('key within the data of the Secret.'),
  })
  .describe('secretKeyRef names one key of a Secret. One newline at the end of its value is dropped.');
/** A reference to one key of a Secret of the Webhook's namespace. */
export type SecretKeyRef = z.output<typeof secretKeyRefSchema>;

/** A value that comes from elsewhere. */
export const valueSourceSchema = z.object({ secretKeyRef: secretKeyRefSchema });
