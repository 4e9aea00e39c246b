/** The operator and the API server must judge a spec alike: zod against the generated CRD, CEL rules included. */
import { Environment } from '@marcbachmann/cel-js';
import * as fc from 'fast-check';
import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { JSONSchemaProps } from './structural-schema.ts';
import { structuralSchema } from './structural-schema.ts';
import { webhookClassSpecSchema } from './webhook-class.ts';
import { webhookSpecSchema } from './webhook.ts';

const cel = new Environment({ unlistedVariablesAreDyn: true }).registerFunction(
  'isCIDR(string): bool',
  (text: string) => {
    const [address = '', prefix = '', ...rest] = text.split('/');
    const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
    return (
      rest.length === 0 && /^(0|[1-9]\d*)$/.test(prefix) && Number(prefix) <= bits && !/[%]|::ffff:/i.test(address)
    );
  },
);
const compiled = new Map<string, (context: object) => unknown>();

function holds(rule: string, self: unknown): boolean {
  let evaluate = compiled.get(rule);
  if (evaluate === undefined) compiled.set(rule, (evaluate = cel.parse(rule)));
  try {
    return evaluate({ self }) === true;
  } catch {
    return false; // An error in a rule is a refusal.
  }
}

/** What the API server does with a value: fills in defaults, then checks keywords and rules. */
function admits(schema: JSONSchemaProps, value: unknown): boolean {
  const inside = (): boolean => {
    switch (schema.type) {
      case 'object': {
        if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
        const object = value as Record<string, unknown>;
        for (const [name, child] of Object.entries(schema.properties ?? {})) {
          if (object[name] === undefined && child.default !== undefined) object[name] = structuredClone(child.default);
          if (object[name] !== undefined && !admits(child, object[name])) return false;
        }
        if (schema.required?.some((name) => object[name] === undefined) === true) return false;
        const { additionalProperties, maxProperties = 0 } = schema;
        if (additionalProperties === undefined) return true;
        const values = Object.values(object);
        return values.length <= maxProperties && values.every((child) => admits(additionalProperties, child));
      }
      case 'array': {
        if (!Array.isArray(value) || schema.items === undefined) return false;
        const { items, minItems = 0, maxItems = 0 } = schema;
        if (value.length < minItems || value.length > maxItems) return false;
        if (schema['x-kubernetes-list-type'] === 'set' && new Set(value).size < value.length) return false;
        return value.every((item) => admits(items, item));
      }
      case 'string': {
        if (typeof value !== 'string' || schema.enum?.includes(value) === false) return false;
        const length = Array.from(value).length; // Go counts code points
        return length >= (schema.minLength ?? 0) && length <= (schema.maxLength ?? Infinity);
      }
      case 'boolean':
        return typeof value === 'boolean';
      default:
        return (
          Number.isInteger(value) && Number(value) >= (schema.minimum ?? 0) && Number(value) <= (schema.maximum ?? 0)
        );
    }
  };
  if (!inside()) return false;
  const rules = schema['x-kubernetes-validations'] ?? [];
  return rules.every(({ rule }) => rule.includes('oldSelf') || holds(rule, value));
}

/** Texts worth trying: for each kind of field good ones and the nearest bad ones. Any field may get any of them. */
const texts = [
  '',
  'a',
  'A',
  'crm',
  'crm.key',
  '-a',
  'a'.repeat(64),
  'a'.repeat(300),
  'ü',
  'a b',
  'tab\there',
  'line\nbreak',
  'https://a/',
  'http://a:80/x?y',
  'http://u@a/',
  'https://a/#f',
  'ftp://a',
  'http://[::1]/',
  'http://a:99999/',
  'item.created',
  'item.*',
  'item.>',
  '>',
  '*',
  'a..b',
  '>.a',
  'a*',
  '.a',
  'a.',
  'a\u00a0b',
  'a\u2028b',
  ' x',
  'x ',
  '1s',
  '0s',
  '5ms',
  '10ms',
  '90s',
  '24h',
  '9000h',
  '1d',
  '1',
  '1.5h',
  'X-Team',
  'host',
  'HOST',
  'Webhook-Id',
  'x-team',
  'Transfer-Encoding',
  'Content-Type',
  'a:b',
  "it's",
  '410',
  '4xx',
  '200',
  '2xx',
  '4x',
  '600',
  '10.0.0.0/8',
  '::1/128',
  '10.0.0.0',
  '10.0.0.0/33',
  '*.example.com',
  '[::1]',
];

/** Specs that are right in most places, so that a single wrong one decides. */
function specs(schema: JSONSchemaProps): fc.Arbitrary<unknown> {
  const { type } = schema;
  if (type === 'object' && schema.additionalProperties !== undefined) {
    return fc.dictionary(fc.constantFrom('a', 'b'), specs(schema.additionalProperties));
  }
  if (type === 'object') {
    const properties = Object.entries(schema.properties ?? {}).map(([name, child]) => [name, specs(child)] as const);
    const model = Object.fromEntries(properties);
    const complete = fc.record(model, { requiredKeys: [...(schema.required ?? [])] });
    return fc.oneof({ weight: 30, arbitrary: complete }, fc.record(model, { requiredKeys: [] }));
  }
  if (type === 'array') return fc.array(specs(schema.items as JSONSchemaProps), { maxLength: 3 });
  if (type === 'boolean') return fc.oneof({ weight: 30, arbitrary: fc.boolean() }, fc.constant('true'));
  if (type === 'integer') {
    const { minimum = 0, maximum = 0 } = schema;
    return fc.oneof(
      { weight: 30, arbitrary: fc.integer({ min: minimum, max: maximum }) },
      fc.constantFrom(minimum - 1, maximum + 1, 1.5),
    );
  }
  if (schema.enum !== undefined) {
    return fc.oneof({ weight: 30, arbitrary: fc.constantFrom(...schema.enum) }, fc.constantFrom('', 'Other'));
  }
  const good = texts.filter((text) => admits(schema, text));
  return fc.oneof(
    { weight: 60, arbitrary: fc.constantFrom(...good) },
    { weight: 1, arbitrary: fc.constantFrom(...texts) },
  );
}

/** What a CRD can't say; the operator refuses more there. */
const onlyOurs = [
  'url must have a valid host and a port below 65536',
  'events must not contain white space or control characters',
];

describe.each<[string, z.ZodType]>([
  ['Webhook', webhookSpecSchema],
  ['WebhookClass', webhookClassSpecSchema],
])('the operator and the CRD of %s', (kind, schema) => {
  const crd = structuralSchema(schema, 'spec');
  const judge = (value: unknown) => {
    const operator = schema.safeParse(value);
    const ours = operator.error?.issues.every((issue) => onlyOurs.includes(issue.message)) ?? false;
    return { server: admits(crd, structuredClone(value)), operator: operator.success || ours };
  };

  it('agree on whole specs', () => {
    const verdicts = { good: 0, bad: 0 };
    fc.assert(
      fc.property(specs(crd), (value) => {
        const { server, operator } = judge(value);
        verdicts[server ? 'good' : 'bad'] += 1;
        expect(operator).toBe(server);
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(verdicts.good, verdicts.bad), JSON.stringify(verdicts)).toBeGreaterThan(20);
  });

  it('agree on every text that is worth trying, in every field', () => {
    const base = kind === 'Webhook' ? { url: 'https://a/', events: ['a'] } : {};
    let fields = 0;
    const tryAll = (node: JSONSchemaProps, wrap: (value: unknown) => unknown): void => {
      if (node.type === 'object') {
        for (const [name, child] of Object.entries(node.properties ?? {})) {
          tryAll(child, (value) => wrap({ [name]: value }));
        }
      } else if (node.type === 'array' && node.items !== undefined) {
        tryAll(node.items, (value) => wrap([value]));
      } else if (node.type === 'string') {
        fields += 1;
        for (const text of texts) {
          const value = { ...base, ...(wrap(text) as object) };
          const { server, operator } = judge(value);
          expect(operator, JSON.stringify(value)).toBe(server);
        }
      }
    };
    tryAll(crd, (value) => value);
    expect(fields).toBeGreaterThan(15);
  });
});
