import { z } from 'zod';
import { OperatorError } from '../errors.ts';

/** A zod schema that has no equivalent in a CRD, or lacks what ours must have. `path` says where. */
class SchemaNotStructuralError extends OperatorError {
  readonly code = 'WHO_SCHEMA_NOT_STRUCTURAL';

  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
  }
}

/** The part of OpenAPI that a structural schema of Kubernetes consists of, as far as ours go. */
export interface JSONSchemaProps {
  readonly type: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly items?: JSONSchemaProps;
  readonly properties?: Readonly<Record<string, JSONSchemaProps>>;
  readonly additionalProperties?: JSONSchemaProps;
  readonly required?: readonly string[];
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string; readonly message: string }[];
}

type JSONSchema = Record<string, unknown>;

const scalarKeys = ['description', 'default', 'x-kubernetes-validations'];
// Whatever is not listed here is refused: a keyword that the API server ignores would promise a check that nobody makes.
const allowedKeys: Readonly<Record<string, readonly string[]>> = {
  object: [...scalarKeys, 'properties', 'required', 'additionalProperties', 'maxProperties'],
  array: [...scalarKeys, 'items', 'minItems', 'maxItems', 'x-kubernetes-list-type', 'x-kubernetes-list-map-keys'],
  string: [...scalarKeys, 'enum', 'format', 'pattern', 'minLength', 'maxLength'],
  integer: [...scalarKeys, 'minimum', 'maximum', 'format'],
  boolean: scalarKeys,
};
const neededKeys: Readonly<Record<string, readonly string[]>> = {
  array: ['items', 'maxItems', 'x-kubernetes-list-type'],
  integer: ['minimum', 'maximum'],
};

/**
 * The structural schema of a zod schema, for a CRD. Runtime-only parts (refinements without CEL) are left out. Throws
 * {@link SchemaNotStructuralError} when something can't be said in a CRD, has no bound (the API server would refuse CEL
 * rules on it as too expensive), or a property has no description that begins with its name (`kubectl explain` shows it).
 */
export function structuralSchema(schema: z.ZodType, name: string): JSONSchemaProps {
  const json = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    cycles: 'throw',
  }) as JSONSchema;
  return convert(json, name);
}

function convert(node: JSONSchema, path: string): JSONSchemaProps {
  const type = node['type'];
  const allowed = typeof type === 'string' ? allowedKeys[type] : undefined;
  if (typeof type !== 'string' || allowed === undefined) {
    throw new SchemaNotStructuralError(path, `needs one of the types ${Object.keys(allowedKeys).join(', ')}`);
  }
  const result: Record<string, unknown> = { type };
  for (const [key, value] of Object.entries(node)) {
    if (key === 'type') continue;
    if (!allowed.includes(key))
      throw new SchemaNotStructuralError(path, `"${key}" has no place in the CRD of a ${type}`);
    result[key] = value;
  }
  for (const key of neededKeys[type] ?? []) {
    if (!(key in result)) throw new SchemaNotStructuralError(path, `needs "${key}"`);
  }
  if (type === 'string') checkString(node, path);
  if (type === 'integer') result['format'] = Number(node['maximum']) <= 2_147_483_647 ? 'int32' : 'int64';
  if (type === 'array') result['items'] = convert(node['items'] as JSONSchema, `${path}[]`);
  if (type === 'object') convertObject(node, result, path);
  return result as unknown as JSONSchemaProps;
}

function checkString(node: JSONSchema, path: string): void {
  if (!('enum' in node) && !('maxLength' in node)) throw new SchemaNotStructuralError(path, 'needs "maxLength"');
  const { pattern, format } = node;
  if (format !== undefined && format !== 'date-time')
    throw new SchemaNotStructuralError(path, 'only the format date-time is supported');
  // Go's RE2 has neither look-around nor back references.
  if (typeof pattern === 'string' && /\(\?[=!<]|\\[1-9]/.test(pattern)) {
    throw new SchemaNotStructuralError(path, `the API server can't compile the pattern ${pattern}`);
  }
}

function convertObject(node: JSONSchema, result: Record<string, unknown>, path: string): void {
  const { properties, additionalProperties } = node;
  if (additionalProperties !== undefined) {
    if (typeof additionalProperties !== 'object')
      throw new SchemaNotStructuralError(path, 'must not be a strict object');
    if (!('maxProperties' in node)) throw new SchemaNotStructuralError(path, 'needs "maxProperties"');
    result['additionalProperties'] = convert(additionalProperties as JSONSchema, `${path}.*`);
    return;
  }
  const converted: Record<string, JSONSchemaProps> = {};
  for (const [name, property] of Object.entries(properties as Record<string, JSONSchema>)) {
    const child = convert(property, `${path}.${name}`);
    if (child.description?.startsWith(`${name} `) !== true) {
      throw new SchemaNotStructuralError(
        `${path}.${name}`,
        'needs a description that begins with the name of the field',
      );
    }
    converted[name] = child;
  }
  result['properties'] = converted;
}
