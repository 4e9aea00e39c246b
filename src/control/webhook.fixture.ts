/** Webhooks and classes as the API server gives them, and what control makes of them. For tests. */
import { apiVersion } from '../api/metadata.ts';
import { webhookClassSpecSchema, type WebhookClass } from '../api/webhook-class.ts';
import { initialState, type WebhookState } from '../delivery/webhook-state.ts';
import type { WebhookConfig } from '../delivery/webhook-config.ts';
import type { SecretResult } from '../kubernetes/secret-reader.ts';
import type { LaneView } from './lane-view.ts';
import { readWebhook } from './read-webhook.ts';
import type { KnownClass, ReadWebhook, Resolution, ResolveInput, SecretPort } from './resolution.ts';
import { resolveWebhook } from './resolve-webhook.ts';

/** The start of 2026. */
export const start = Date.UTC(2026, 0, 1);

export interface WebhookObject {
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly metadata?: object;
}

/** A valid Webhook `crm` of the class `standard` in `team-a`; members of `changes` replace its own. */
export function webhookObject(changes: WebhookObject = {}): object {
  const { metadata, ...rest } = changes;
  return {
    apiVersion,
    kind: 'Webhook',
    metadata: { name: 'crm', namespace: 'team-a', uid: 'uid-1', generation: 3, ...metadata },
    spec: spec(),
    ...rest,
  };
}

export function spec(changes: object = {}): object {
  return {
    url: 'https://crm.example.com/hook',
    className: 'standard',
    events: ['item.created', 'order.>'],
    ...changes,
  };
}

export function read(changes: WebhookObject = {}): ReadWebhook {
  return readWebhook(webhookObject(changes)) as ReadWebhook;
}

export function webhookClass(name: string, classSpec: object = {}): WebhookClass {
  const parsed = webhookClassSpecSchema.parse(classSpec);
  return { apiVersion, kind: 'WebhookClass', metadata: { name, uid: `class-${name}` }, spec: parsed };
}

/** Classes that exist. */
export function classes(...all: readonly WebhookClass[]): (name: string) => KnownClass | undefined {
  return (name) => {
    const found = all.find(({ metadata }) => metadata.name === name);
    return found === undefined ? undefined : { class: found, known: 'Current' };
  };
}

/** Secrets by `<name>/<key>`; others don't exist. `asked` lists what was read. */
export function secretStore(
  values: Readonly<Record<string, string | Buffer | SecretResult | Error>> = {},
): SecretPort & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    read: async ({ namespace, name, key }) => {
      asked.push(`${namespace}/${name}/${key}`);
      const value = values[`${name}/${key}`];
      if (value instanceof Error) throw value;
      if (value === undefined) return { outcome: 'NotFound', message: `Secret ${name} does not exist` };
      if (typeof value === 'string') return { outcome: 'ok', value: Buffer.from(value) };
      return Buffer.isBuffer(value) ? { outcome: 'ok', value } : value;
    },
  };
}

export function resolve(changes: WebhookObject = {}, input: Partial<ResolveInput> = {}): Promise<Resolution> {
  return resolveWebhook({
    webhook: read(changes),
    findClass: classes(webhookClass('standard')),
    defaultClassName: undefined,
    namespaceLabels: {},
    secrets: secretStore(),
    orderedAdmitted: true,
    ...input,
  });
}

/** The lane of a verified webhook that delivers. */
export function laneView(resolution: Resolution, changes: Partial<WebhookState> = {}): LaneView {
  const urlHash = resolution.urlHash ?? 'sha256:unknown';
  const state: WebhookState = {
    ...initialState(resolution.config as WebhookConfig),
    verification: { urlHash, reason: 'ChallengeAnswered', at: start },
    owed: { stream: 'abc', sequence: 1 },
    ...changes,
  };
  return {
    state,
    pending: { retrying: 0, backlog: 0, deadLettered: 0, lost: state.lost },
    lastSuccess: state.lastSuccess,
    backlogFull: false,
    filterFaults: undefined,
  };
}
