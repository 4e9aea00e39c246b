import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { patternProblem } from '../delivery/pattern.ts';
import { webhookSpecSchema } from './webhook.ts';

it('events are what the engine takes for a pattern, no more and no less', () => {
  const unit = fc.constantFrom('a', 'ü', '.', '*', '>', ' ', '\t', '\u0085', '\u00a0', '\u2028', '\u3000', '$');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 8 }), (pattern) => {
      const accepted = webhookSpecSchema.safeParse({ url: 'https://a/', events: [pattern] }).success;
      expect(accepted).toBe(patternProblem(pattern) === undefined);
    }),
    { numRuns: 2000 },
  );
});
