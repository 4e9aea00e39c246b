/** What a Webhook's requests are made of: URL, headers and keys, with the values of its Secrets. */
import { hash } from 'node:crypto';
import { admitURL } from '../api/admit.ts';
import { labels } from '../api/metadata.ts';
import type { Problem } from '../api/problem.ts';
import type { SecretKeyRef } from '../api/references.ts';
import type { WebhookClassSpec } from '../api/webhook-class.ts';
import type { WebhookSpec } from '../api/webhook.ts';
import { headerProblem } from '../delivery/request-headers.ts';
import { parseSigningKey } from '../delivery/signature.ts';
import type { HoldReason, SigningKey, Target } from '../delivery/webhook-config.ts';
import { messageOf } from '../errors.ts';
import type { SecretResult } from '../kubernetes/secret-reader.ts';
import type { SecretPort } from './resolution.ts';
import { spellingsOfURL } from './secret-spellings.ts';

type SecretHold = Extract<HoldReason, 'SecretNotFound' | 'SecretNotAllowed' | 'SecretInvalid'>;

export interface SecretProblem extends Problem {
  readonly reason: SecretHold;
}

export interface TargetParts {
  /** Undefined when there are problems. */
  readonly target: Target | undefined;
  readonly urlHash: string | undefined;
  readonly problems: readonly SecretProblem[];
}

/** What was read of a Secret; `Unreadable` = the API server could not be asked. */
export type SecretLookup = SecretResult | { readonly outcome: 'Unreadable'; readonly message: string };
export type SecretLookups = ReadonlyMap<string, SecretLookup>;

type TargetSpec = Pick<WebhookSpec, 'url' | 'urlFrom' | 'headers' | 'signing'>;

/** As long as a header in plain text may be. */
const maxHeaderLength = 8192;

const keyOfRef = ({ name, key }: SecretKeyRef): string => `${name}/${key}`;

/** Every Secret key that the spec names. */
export function secretRefsOf(spec: TargetSpec): SecretKeyRef[] {
  const sources = [
    spec.urlFrom,
    ...(spec.headers ?? []).map(({ valueFrom }) => valueFrom),
    ...(spec.signing?.keys ?? []),
  ];
  return sources.flatMap((source) => (source === undefined ? [] : [source.secretKeyRef]));
}

/** Reads each key once. Never rejects. */
export async function readSecrets(
  namespace: string,
  refs: readonly SecretKeyRef[],
  secrets: SecretPort,
): Promise<SecretLookups> {
  const unique = new Map(refs.map((ref) => [keyOfRef(ref), ref]));
  const lookups = [...unique].map(async ([key, ref]): Promise<[string, SecretLookup]> => {
    try {
      return [key, await secrets.read({ namespace, name: ref.name, key: ref.key })];
    } catch (error) {
      const message = `Secret ${ref.name} could not be read: ${messageOf(error)}`;
      return [key, { outcome: 'Unreadable', message }];
    }
  });
  return new Map(await Promise.all(lookups));
}

/**
 * Puts the target together, or says everything that is wrong with the values. Expects a spec that its class admits, and the
 * lookup of each key that it names.
 */
export function targetOf(classSpec: WebhookClassSpec, spec: TargetSpec, lookups: SecretLookups): TargetParts {
  const values = new SecretValues(lookups);
  const url = urlOf(classSpec, spec, values);
  const headers = headersOf(spec, values);
  const signingKeys = signingKeysOf(spec, values);
  const { problems } = values;
  const urlHash = url === undefined ? undefined : urlHashOf(url);
  if (url === undefined || urlHash === undefined || problems.length > 0)
    return { target: undefined, urlHash, problems };
  const target: Target = {
    url,
    urlHash,
    headers,
    signingKeys,
    signingScheme: classSpec.signing.scheme,
    payloadFormat: classSpec.payload.format,
    network: { allowedCIDRs: classSpec.network.allowedCIDRs },
    secretValues: [...values.spellings],
  };
  return { target, urlHash, problems };
}

/** `sha256:` + hex of a URL, as in `status.verifiedURLHash`. */
export function urlHashOf(url: string): string {
  return `sha256:${hash('sha256', url, 'hex')}`;
}

/** Looks values up, and collects what is wrong with them and how they may show in what a receiver says. */
class SecretValues {
  readonly problems: SecretProblem[] = [];
  readonly spellings = new Set<string>();
  readonly #lookups: SecretLookups;

  constructor(lookups: SecretLookups) {
    this.#lookups = lookups;
  }

  read(field: string, ref: SecretKeyRef): Buffer | undefined {
    const lookup = this.#lookups.get(keyOfRef(ref)) as SecretLookup;
    if (lookup.outcome === 'ok') return lookup.value;
    this.problems.push({ field, ...faultOf(lookup, ref.key) });
    return undefined;
  }

  refuse(field: string, { name, key }: SecretKeyRef, message: string): void {
    this.problems.push({ field, reason: 'SecretInvalid', message: `key ${key} of Secret ${name}: ${message}` });
  }
}

function faultOf(
  { outcome, message }: Exclude<SecretLookup, { outcome: 'ok' }>,
  key: string,
): Pick<SecretProblem, 'reason' | 'message'> {
  if (outcome === 'NotAllowed') {
    const rule = `only a Secret with the label ${labels.usable}: "true" that the operator may read is used`;
    return { reason: 'SecretNotAllowed', message: `${message} (key ${key}): ${rule}` };
  }
  if (outcome === 'Invalid') return { reason: 'SecretInvalid', message: `${message}: put one line of text into it` };
  const nextStep = outcome === 'Unreadable' ? 'it is tried again' : 'create it, or name another one';
  return { reason: 'SecretNotFound', message: `${message} (key ${key}): ${nextStep}` };
}

function urlOf(classSpec: WebhookClassSpec, spec: TargetSpec, values: SecretValues): string | undefined {
  if (spec.urlFrom === undefined) return spec.url;
  const { secretKeyRef } = spec.urlFrom;
  const url = values.read('spec.urlFrom', secretKeyRef)?.toString('utf8');
  if (url === undefined) return undefined;
  const problems = admitURL(classSpec, url, 'spec.urlFrom');
  for (const { message } of problems) values.refuse('spec.urlFrom', secretKeyRef, message);
  if (problems.length > 0) return undefined;
  for (const spelling of spellingsOfURL(url)) values.spellings.add(spelling);
  return url;
}

function headersOf(spec: TargetSpec, values: SecretValues): (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  for (const { name, value, valueFrom } of spec.headers ?? []) {
    if (valueFrom === undefined) {
      headers.push([name, value ?? '']);
      continue;
    }
    const field = `spec.headers[${name}]`;
    const bytes = values.read(field, valueFrom.secretKeyRef);
    if (bytes === undefined) continue;
    // One character a byte: so the bytes of the Secret are the bytes on the wire.
    const text = bytes.toString('latin1');
    const problem = text.length > maxHeaderLength ? `over ${maxHeaderLength} bytes` : headerProblem(name, text);
    if (problem !== undefined) values.refuse(field, valueFrom.secretKeyRef, problem);
    values.spellings.add(text).add(bytes.toString('utf8'));
    headers.push([name, text]);
  }
  return headers;
}

function signingKeysOf(spec: TargetSpec, values: SecretValues): SigningKey[] {
  const keys: SigningKey[] = [];
  for (const [index, { secretKeyRef }] of (spec.signing?.keys ?? []).entries()) {
    const field = `spec.signing.keys[${index}]`;
    const bytes = values.read(field, secretKeyRef);
    if (bytes === undefined) continue;
    try {
      keys.push(parseSigningKey(bytes));
    } catch (error) {
      values.refuse(field, secretKeyRef, messageOf(error));
    }
  }
  return keys;
}
