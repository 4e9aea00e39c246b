import type { z } from 'zod';
import type { ResourceNames } from './metadata.ts';
import { annotations, apiGroup, version, webhookClassNames, webhookNames } from './metadata.ts';
import type { JSONSchemaProps } from './structural-schema.ts';
import { structuralSchema } from './structural-schema.ts';
import { webhookClassSpecSchema, webhookClassStatusSchema } from './webhook-class.ts';
import { webhookStatusSchema } from './webhook-status.ts';
import { webhookSpecSchema } from './webhook.ts';

interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  /** Above 0: only with `-o wide`. */
  readonly priority?: number;
  readonly description?: string;
}

/** A CustomResourceDefinition of `apiextensions.k8s.io/v1`, as far as ours go. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: object;
    readonly scope: ResourceNames['scope'];
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: JSONSchemaProps };
      readonly subresources: { readonly status: object };
      readonly additionalPrinterColumns: readonly PrinterColumn[];
    }[];
  };
}

const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const active = '.status.conditions[?(@.type=="Active")]';

/** The CRDs of all kinds, made from the zod schemas. */
export const customResourceDefinitions: readonly CustomResourceDefinition[] = [
  definition({
    names: webhookNames,
    description: 'Webhook delivers the events of a source that match its patterns to one URL.',
    spec: webhookSpecSchema,
    status: webhookStatusSchema,
    columns: [
      { name: 'Class', type: 'string', jsonPath: '.status.className', description: 'The class in use' },
      {
        name: 'Active',
        type: 'string',
        jsonPath: `${active}.status`,
        description: 'Whether events are being delivered',
      },
      { name: 'Reason', type: 'string', jsonPath: `${active}.reason`, description: 'Why they are or are not' },
      {
        name: 'Failures',
        type: 'integer',
        jsonPath: '.status.consecutiveFailures',
        description: 'Failed attempts in a row',
      },
      {
        name: 'Last Code',
        type: 'integer',
        jsonPath: '.status.lastStatusCode',
        description: 'HTTP status of the last attempt',
      },
      { name: 'Backlog', type: 'integer', jsonPath: '.status.pending.backlog', description: 'Deliveries held' },
      age,
      { name: 'URL', type: 'string', jsonPath: '.spec.url', priority: 1, description: 'Where events go' },
    ],
  }),
  definition({
    names: webhookClassNames,
    description: 'WebhookClass says how a family of Webhooks behaves, like a StorageClass does for volumes.',
    spec: webhookClassSpecSchema,
    status: webhookClassStatusSchema,
    columns: [
      {
        name: 'Default',
        type: 'string',
        jsonPath: `.metadata.annotations.${annotations.isDefaultClass.replaceAll('.', String.raw`\.`)}`,
        description: 'Whether Webhooks that name no class use this one',
      },
      {
        name: 'Verification',
        type: 'string',
        jsonPath: '.spec.verification.method',
        description: 'How a URL proves itself',
      },
      {
        name: 'Description',
        type: 'string',
        jsonPath: '.spec.description',
        description: 'What a user reads to choose',
      },
      age,
    ],
  }),
];

function definition(kind: {
  readonly names: ResourceNames;
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  readonly columns: readonly PrinterColumn[];
}): CustomResourceDefinition {
  const { names } = kind;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${names.plural}.${apiGroup}` },
    spec: {
      group: apiGroup,
      names: {
        kind: names.kind,
        listKind: names.listKind,
        plural: names.plural,
        singular: names.singular,
        shortNames: [names.shortName],
        // Not the plural of a kind: kubectl takes that for all kinds of the category.
        categories: ['webhook-operator'],
      },
      scope: names.scope,
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: kind.description,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string', description: 'apiVersion is the version of this object’s schema.' },
                kind: { type: 'string', description: 'kind is the kind of this object.' },
                metadata: { type: 'object' },
                spec: structuralSchema(kind.spec, 'spec'),
                status: structuralSchema(kind.status, 'status'),
              },
            },
          },
          subresources: { status: {} },
          additionalPrinterColumns: kind.columns,
        },
      ],
    },
  };
}
