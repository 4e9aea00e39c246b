import { z } from 'zod';
import { connectionHeaders, ownHeaderPrefix } from '../delivery/forbidden-headers.ts';
import { valueSourceSchema } from './references.ts';
import { matches, matchesNot, withRules } from './rules.ts';

/** A regular expression that matches without regard to case, without flags (CEL has none). */
function anyCase(text: string): string {
  return text.replaceAll(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
}

const nameSchema = withRules(z.string().min(1).max(128), [
  matches(
    '^[-!#$%&*+.^_`|~0-9A-Za-z]+$',
    'headers: name must be a header name: letters, digits and punctuation without spaces, quotes and colons',
  ),
  matchesNot(
    `^(${connectionHeaders.map(anyCase).join('|')})$`,
    'headers: name must not be host, content-length or a header of the connection: the operator sets those',
  ),
  matchesNot(
    `^${anyCase(ownHeaderPrefix)}`,
    'headers: name must not begin with webhook-: the operator sets those headers',
  ),
]);

const headerSchema = withRules(
  z.object({
    name: nameSchema.describe(
      'name of the header, unique in the list without regard to case, 1 to 128 characters. host, content-length, the headers of the connection and webhook-* are not allowed.',
    ),
    value: withRules(z.string().max(8192), [
      matches(
        '^([!-~]([\\t -~]*[!-~])?)?$',
        'headers: value must be printable ASCII without line breaks and without spaces around it',
      ),
    ])
      .describe('value of the header in plain text, at most 8192 characters. Put credentials into valueFrom instead.')
      .optional(),
    valueFrom: valueSourceSchema.describe('valueFrom takes the value from a Secret.').optional(),
  }),
  [
    {
      cel: 'has(self.value) != has(self.valueFrom)',
      message: 'headers: set exactly one of value and valueFrom',
      test: (header) => (header.value !== undefined) !== (header.valueFrom !== undefined),
    },
  ],
);

/** Headers that a Webhook adds to each request. */
export const headersSchema = withRules(
  z
    .array(headerSchema)
    .max(32)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
  [
    {
      cel: 'self.all(a, self.exists_one(b, a.name.lowerAscii() == b.name.lowerAscii()))',
      message: 'headers: names must be unique without regard to case',
      test: (headers) => new Set(headers.map((header) => header.name.toLowerCase())).size === headers.length,
    },
  ],
);
