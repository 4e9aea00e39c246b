import { z } from 'zod';
import { listOf, withRules } from './rules.ts';

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

const requirementSchema = withRules(
  z.object({
    key: z.string().min(1).max(317).describe('key of the label.'),
    operator: z
      .enum(operators)
      .describe('operator is the relation of the label to values: In, NotIn, Exists or DoesNotExist.'),
    values: listOf(z.string().max(63), { min: 0, max: 64 })
      .describe('values for In and NotIn, at least one; none for Exists and DoesNotExist.')
      .optional(),
  }),
  [
    {
      cel: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
      message: 'matchExpressions: values are needed by In and NotIn, and not allowed with Exists and DoesNotExist',
      test: ({ operator, values }) => (operator === 'In' || operator === 'NotIn') === (values ?? []).length > 0,
    },
  ],
);

/** Kubernetes' LabelSelector. Empty matches everything. */
export const labelSelectorSchema = z.object({
  matchLabels: z
    .record(z.string(), z.string().max(63))
    .refine((labels) => Object.keys(labels).length <= 64, 'matchLabels must not hold more than 64 labels')
    .meta({ maxProperties: 64 })
    .describe('matchLabels are labels that must have these values. At most 64.')
    .optional(),
  matchExpressions: listOf(requirementSchema, { min: 0, max: 64 })
    .describe('matchExpressions are requirements that must all be met. At most 64.')
    .optional(),
});
export type LabelSelector = z.output<typeof labelSelectorSchema>;

/** Whether labels meet every requirement of a selector, as the API server decides it. */
export function matchesLabels(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => relations[operator](labels[key], values))
  );
}

const relations: Readonly<
  Record<(typeof operators)[number], (label: string | undefined, values: readonly string[]) => boolean>
> = {
  In: (label, values) => label !== undefined && values.includes(label),
  NotIn: (label, values) => label === undefined || !values.includes(label),
  Exists: (label) => label !== undefined,
  DoesNotExist: (label) => label === undefined,
};
