import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { customResourceDefinitions } from './crd.ts';
import { generatedFiles } from './generated-files.ts';
import type { JSONSchemaProps } from './structural-schema.ts';

const root = new URL('../../', import.meta.url);

/** Every schema within one, with its path. */
function walk(schema: JSONSchemaProps, path: string): [string, JSONSchemaProps][] {
  return [
    [path, schema],
    ...Object.entries(schema.properties ?? {}).flatMap(([name, child]) => walk(child, `${path}.${name}`)),
    ...(schema.items === undefined ? [] : walk(schema.items, `${path}[]`)),
    ...(schema.additionalProperties === undefined ? [] : walk(schema.additionalProperties, `${path}.*`)),
  ];
}

const schemas = customResourceDefinitions.flatMap(({ spec }) => {
  const { properties = {} } = spec.versions[0]?.schema.openAPIV3Schema ?? {};
  const { kind } = spec.names as { kind: string };
  return ['spec', 'status'].flatMap((part) => walk(properties[part] as JSONSchemaProps, `${kind}.${part}`));
});

describe('the CRDs', () => {
  it('are committed as they would be generated', () => {
    for (const [path, content] of generatedFiles()) expect(readFileSync(new URL(path, root), 'utf8')).toBe(content);
    expect(
      readdirSync(new URL('crds', root))
        .map((name) => `crds/${name}`)
        .sort(),
    ).toEqual([...generatedFiles().keys()].sort());
  });

  it('read the same as YAML 1.1, which Kubernetes uses, and as YAML 1.2', () => {
    for (const content of generatedFiles().values()) {
      expect(parse(content, { version: '1.1' })).toEqual(parse(content, { version: '1.2' }));
    }
  });

  it('stay small enough for the annotation of kubectl apply (256 KiB)', () => {
    for (const crd of customResourceDefinitions) expect(JSON.stringify(crd).length).toBeLessThan(262_144);
  });

  it('bound everything, so that rules have a price', () => {
    for (const [path, schema] of schemas) {
      if (schema.type === 'string') expect(schema.enum ?? schema.maxLength, path).toBeDefined();
      if (schema.type === 'array') expect(schema.maxItems, path).toBeGreaterThan(0);
      if (schema.type === 'integer') expect([schema.minimum, schema.maximum], path).not.toContain(undefined);
      if (schema.additionalProperties !== undefined) expect(schema.maxProperties, path).toBeGreaterThan(0);
    }
  });

  it('say how lists merge', () => {
    for (const [path, schema] of schemas) {
      if (schema.type !== 'array') continue;
      expect(['atomic', 'set', 'map'], path).toContain(schema['x-kubernetes-list-type']);
      if (schema['x-kubernetes-list-type'] === 'set') expect(schema.items?.type, path).toBe('string');
      for (const key of schema['x-kubernetes-list-map-keys'] ?? []) expect(schema.items?.required, path).toContain(key);
    }
  });

  it('describe every field without what templating tools would replace', () => {
    for (const [path, { description }] of schemas) {
      if (path.endsWith(']') || path.endsWith('*')) continue;
      expect(description, path).toMatch(/^[a-zA-Z]+ .*\.$/);
      expect(description, path).not.toMatch(/\{\{|\$\{|—/);
    }
  });

  it('name a field in the message of every rule', () => {
    const names = new Set(schemas.flatMap(([path]) => path.split(/[.[]/)));
    const rules = schemas.flatMap(([, schema]) => schema['x-kubernetes-validations'] ?? []);
    expect(rules.length).toBeGreaterThan(40);
    for (const { message } of rules)
      expect(
        message.split(/[^a-zA-Z]+/).some((word) => names.has(word)),
        message,
      ).toBe(true);
  });

  it('have no default inside delivery, where absent means what the class says', () => {
    const inside = schemas.filter(([path]) => path.includes('.delivery'));
    expect(inside.length).toBeGreaterThan(40);
    for (const [path, schema] of inside) expect('default' in schema, path).toBe(false);
  });

  it('accept nothing that is not served yet', () => {
    const text = JSON.stringify(customResourceDefinitions);
    for (const word of [
      'Jwt',
      'GitHub',
      'Stripe',
      'Shopify',
      'Slack',
      'receiverControl',
      'immediate',
      'claims',
      'protected',
      '"log"',
    ]) {
      expect(text).not.toContain(word);
    }
  });
});
