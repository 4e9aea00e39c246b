import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listOf, matches, setOf, withRules, withTransitionRules } from './rules.ts';
import { structuralSchema } from './structural-schema.ts';

const name = z.string().max(10).describe('name of it.');

describe('structuralSchema', () => {
  it('converts objects, lists, maps, numbers and texts with their bounds', () => {
    const schema = z.object({
      name: withRules(name, [matches('^a', 'name must begin with a')]),
      count: z.int().min(0).max(5).describe('count of it.').default(3),
      big: z
        .int()
        .min(0)
        .max(2 ** 40)
        .describe('big is big.')
        .optional(),
      on: z.boolean().describe('on or off.').optional(),
      kind: z.enum(['A', 'B']).describe('kind of it.').optional(),
      labels: z
        .record(z.string(), z.string().max(5))
        .meta({ maxProperties: 3 })
        .describe('labels are many.')
        .optional(),
      list: listOf(z.object({ name }), { min: 1, max: 2 }).describe('list is a list.').optional(),
      set: setOf(z.string().max(3), { min: 0, max: 2 }).describe('set is a set.').optional(),
    });
    expect(structuralSchema(schema, 'spec')).toEqual({
      type: 'object',
      required: ['name'],
      properties: {
        name: {
          type: 'string',
          maxLength: 10,
          description: 'name of it.',
          'x-kubernetes-validations': [{ rule: "self.matches(r'^a')", message: 'name must begin with a' }],
        },
        count: { type: 'integer', format: 'int32', minimum: 0, maximum: 5, default: 3, description: 'count of it.' },
        big: { type: 'integer', format: 'int64', minimum: 0, maximum: 2 ** 40, description: 'big is big.' },
        on: { type: 'boolean', description: 'on or off.' },
        kind: { type: 'string', enum: ['A', 'B'], description: 'kind of it.' },
        labels: {
          type: 'object',
          additionalProperties: { type: 'string', maxLength: 5 },
          maxProperties: 3,
          description: 'labels are many.',
        },
        list: {
          type: 'array',
          minItems: 1,
          maxItems: 2,
          'x-kubernetes-list-type': 'atomic',
          description: 'list is a list.',
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', maxLength: 10, description: 'name of it.' } },
          },
        },
        set: {
          type: 'array',
          minItems: 0,
          maxItems: 2,
          'x-kubernetes-list-type': 'set',
          description: 'set is a set.',
          items: { type: 'string', maxLength: 3 },
        },
      },
    });
  });

  it('collects rules that are added one after the other', () => {
    const twice = withTransitionRules(withRules(name, [matches('^a', 'one')]), [
      { cel: 'self == oldSelf', message: 'two' },
    ]);
    expect(structuralSchema(twice, 'spec')['x-kubernetes-validations']).toEqual([
      { rule: "self.matches(r'^a')", message: 'one' },
      { rule: 'self == oldSelf', message: 'two' },
    ]);
  });

  it.each([
    ['a text without a bound', z.string(), 'spec: needs "maxLength"'],
    ['a list without a bound', z.array(name), 'spec: needs "maxItems"'],
    ['a list without a type', z.array(name).max(3), 'spec: needs "x-kubernetes-list-type"'],
    ['a map without a bound', z.record(z.string(), name), 'spec: needs "maxProperties"'],
    ['a union', z.union([name, z.boolean()]), 'spec: needs one of the types'],
    ['anything', z.unknown(), 'spec: needs one of the types'],
    ['a fraction', z.number().min(0).max(1), 'spec: needs one of the types'],
    ['null', name.nullable(), 'spec: "nullable" has no place'],
    ['two patterns', z.string().max(3).regex(/a/).regex(/b/), 'spec: "allOf" has no place'],
    ['an unknown format', z.email().max(9), 'spec: only the format date-time is supported'],
    [
      'look-ahead',
      z
        .string()
        .max(3)
        .regex(/a(?=b)/),
      "spec: the API server can't compile the pattern",
    ],
    [
      'look-behind',
      z
        .string()
        .max(3)
        .regex(/(?<!a)b/),
      "spec: the API server can't compile the pattern",
    ],
    ['a back reference', z.string().max(3).regex(/(a)\1/), "spec: the API server can't compile the pattern"],
    ['a strict object', z.strictObject({ name }), 'spec: must not be a strict object'],
    [
      'a property without description',
      z.object({ a: z.boolean() }),
      'spec.a: needs a description that begins with the name',
    ],
    ['a description of another field', z.object({ a: name }), 'spec.a: needs a description that begins with the name'],
    [
      'a fault inside',
      z.object({ a: listOf(z.object({ b: z.string() }), { min: 0, max: 1 }) }),
      'spec.a[].b: needs "maxLength"',
    ],
    ['a fault in a map', z.record(z.string(), z.string()).meta({ maxProperties: 2 }), 'spec.*: needs "maxLength"'],
  ])('refuses %s', (_, schema, message) => {
    expect(() => structuralSchema(schema, 'spec')).toThrow(message);
  });
});

describe('withRules', () => {
  it('checks the same when the operator parses', () => {
    const schema = withRules(name, [matches('^a', 'name must begin with a')]);
    expect(schema.safeParse('b').error?.issues[0]?.message).toBe('name must begin with a');
    expect(schema.safeParse('ab').success).toBe(true);
  });

  it('refuses a pattern that would end the CEL literal', () => {
    expect(() => matches("'", 'x')).toThrow('A quote would end the CEL literal');
  });
});
