import { z } from 'zod';

/**
 * One rule, said twice: as CEL for the API server, as a predicate for the operator, which checks everything again itself
 * (an object may be older than a rule). A property test holds the two together.
 */
export interface Rule<T> {
  /** CEL over `self`. */
  readonly cel: string;
  /** Names the field and says what is wanted. */
  readonly message: string;
  readonly test: (value: T) => boolean;
}

/** A rule about a change (`self` against `oldSelf`). Only the API server sees both, so there is no predicate. */
export interface TransitionRule {
  readonly cel: string;
  readonly message: string;
}

const validationsKey = 'x-kubernetes-validations';

/** Adds rules to a schema: to its runtime validation and to the CRD made from it. Rules accumulate. */
export function withRules<S extends z.ZodType>(schema: S, rules: readonly Rule<z.output<S>>[]): S {
  let result: S = schema;
  for (const { test, message } of rules) result = result.refine(test, message);
  return withValidations(result, schema, rules);
}

/** Adds rules about changes to the CRD made from a schema. */
export function withTransitionRules<S extends z.ZodType>(schema: S, rules: readonly TransitionRule[]): S {
  return withValidations(schema, schema, rules);
}

function withValidations<S extends z.ZodType>(schema: S, before: S, rules: readonly TransitionRule[]): S {
  const earlier = before.meta()?.[validationsKey];
  const added = rules.map(({ cel, message }) => ({ rule: cel, message }));
  return schema.meta({
    ...before.meta(),
    [validationsKey]: [...(Array.isArray(earlier) ? (earlier as unknown[]) : []), ...added],
  });
}

/** A CEL string literal without escapes, so that a regular expression reads the same in CEL and in TypeScript. */
function celRaw(text: string): string {
  if (text.includes("'")) throw new TypeError(`A quote would end the CEL literal: ${text}`);
  return `r'${text}'`;
}

/**
 * The value matches a regular expression. Write it in the common part of RE2 and JavaScript, anchored: no look-around, no
 * back references, no flags.
 */
export function matches(pattern: string, message: string): Rule<string> {
  const expression = new RegExp(pattern);
  return { cel: `self.matches(${celRaw(pattern)})`, message, test: (value) => expression.test(value) };
}

/** The value does not match a regular expression; see {@link matches}. */
export function matchesNot(pattern: string, message: string): Rule<string> {
  const expression = new RegExp(pattern);
  return { cel: `!self.matches(${celRaw(pattern)})`, message, test: (value) => !expression.test(value) };
}

/** An array whose order means nothing and whose items are unique (`x-kubernetes-list-type: set`). */
export function setOf<S extends z.ZodType<string>>(item: S, bounds: { readonly min: number; readonly max: number }) {
  return z
    .array(item)
    .min(bounds.min)
    .max(bounds.max)
    .refine((values) => new Set(values).size === values.length, 'must not name a value twice')
    .meta({ 'x-kubernetes-list-type': 'set' });
}

/** An array whose order matters, replaced as a whole (`x-kubernetes-list-type: atomic`). */
export function listOf<S extends z.ZodType>(item: S, bounds: { readonly min: number; readonly max: number }) {
  return z.array(item).min(bounds.min).max(bounds.max).meta({ 'x-kubernetes-list-type': 'atomic' });
}
