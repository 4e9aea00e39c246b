import { parse } from 'yaml';
import { readPage } from './markdown.ts';

/** The part of a CRD's schema that is looked at. */
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}

/** The schema of the only version of a CRD in `crds`, by the plural of its kind. */
export function readCRD(plural: string): Schema {
  const crd = parse(readPage(`crds/webhook-operator.dev_${plural}.yaml`)) as {
    readonly spec: { readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }] };
  };
  return crd.spec.versions[0].schema.openAPIV3Schema;
}

/** `spec.url`, `spec.headers.name`, `status.pending`, …: every field below spec and status, those of list items too. */
export function schemaPaths(schema: Schema): string[] {
  return ['spec', 'status'].flatMap((part) => below(part, schema.properties?.[part] ?? {}));
}

function below(prefix: string, schema: Schema): string[] {
  const inner = schema.items ?? schema;
  return Object.entries(inner.properties ?? {}).flatMap(([name, child]) => {
    const path = `${prefix}.${name}`;
    return [path, ...below(path, child)];
  });
}
