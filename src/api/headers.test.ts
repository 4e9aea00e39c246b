import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerProblem, isForbiddenHeader } from '../delivery/request-headers.ts';
import { headersSchema } from './headers.ts';

const accepts = (name: string, value: string) => headersSchema.safeParse([{ name, value }]).success;

describe('headersSchema', () => {
  it('takes no header that the sender would refuse, or every event would become a dead letter', () => {
    const names = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.mixedCase(
        fc.constantFrom('host', 'te', 'expect', 'upgrade', 'keep-alive', 'webhook-id', 'x-webhook-id', 'content-type'),
      ),
    );
    const values = fc.string({ unit: fc.constantFrom('a', ' ', '\t', '\r', '\n', '\u0000', 'é', '~'), maxLength: 4 });
    fc.assert(
      fc.property(names, values, (name, value) => {
        if (accepts(name, value)) expect(headerProblem(name, value)).toBeUndefined();
        if (name !== '' && isForbiddenHeader(name)) expect(accepts(name, 'a')).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['Content-Type', 'User-Agent', 'hostname', 'x-host', 'webhook', 'traceparent'])(
    'takes the header %s',
    (name) => {
      expect(accepts(name, '')).toBe(true);
      expect(accepts(name, 'two words')).toBe(true);
    },
  );
});
