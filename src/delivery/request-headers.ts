/** The headers of one attempt (`docs/delivery.md`). */
import { version } from '../version.ts';
import type { DeliveryEvent } from './delivery-event.ts';
import { connectionHeaders, ownHeaderPrefix } from './forbidden-headers.ts';
import { isFieldName, isFieldValue, percentEncoded } from './field-value.ts';
import { PayloadInvalidError } from './payload-error.ts';
import type { Payload } from './payload.ts';
import type { Target } from './webhook-config.ts';

export const userAgent = `webhook-operator/${version}`;

export interface HeaderInput {
  readonly target: Pick<Target, 'headers'>;
  readonly event: Pick<DeliveryEvent, 'id' | 'type' | 'producer'>;
  readonly payload: Pick<Payload, 'contentType' | 'extraHeaders'>;
  /** 1 = the first. */
  readonly attempt: number;
  /** When this attempt is made, seconds since the epoch: what the signature covers. */
  readonly timestampSeconds: number;
  /** Absent = unsigned. */
  readonly signature?: string;
}

const forbidden: ReadonlySet<string> = new Set(connectionHeaders);

/** Event types may be any UTF-8; obs-text in a header would reach the receiver as Latin-1. */
const visibleASCII = /^[\x21-\x7e]+$/;

/** Headers that a user can't set, in any case: `host`, `content-length`, hop-by-hop ones and `webhook-*`. */
export function isForbiddenHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return forbidden.has(lower) || lower.startsWith(ownHeaderPrefix);
}

/** What is wrong with a header of the user's, for a person, without the value; undefined when it can be sent. */
export function headerProblem(name: string, value: string): string | undefined {
  if (!isFieldName(name)) return `"${name}" is not a header name`;
  if (isForbiddenHeader(name)) return `header ${name} is set by the operator or by the connection`;
  if (!isFieldValue(value)) {
    return `the value of header ${name} has characters that a header can't hold, or spaces around it`;
  }
  return undefined;
}

/** Flat name, value, name, value, …. Throws {@link PayloadInvalidError} when one of the user's headers can't be sent. */
export function buildHeaders(input: HeaderInput): string[] {
  const { target, event, payload } = input;
  const user = preparedHeaders(target.headers);
  const flat: string[] = [];
  if (!user.names.has('content-type')) flat.push('content-type', payload.contentType);
  if (!user.names.has('user-agent')) flat.push('user-agent', userAgent);
  flat.push(
    'webhook-id',
    event.id,
    'webhook-event-type',
    visibleASCII.test(event.type) ? event.type : percentEncoded(event.type),
    'webhook-attempt',
    String(input.attempt),
    'webhook-timestamp',
    String(input.timestampSeconds),
  );
  if (input.signature !== undefined) flat.push('webhook-signature', input.signature);
  const traceparent = event.producer.header('traceparent');
  if (traceparent !== '' && isFieldValue(traceparent) && !user.names.has('traceparent')) {
    flat.push('traceparent', traceparent);
  }
  pushUnlessSet(flat, payload.extraHeaders, user.names);
  flat.push(...user.flat);
  return flat;
}

interface PreparedHeaders {
  readonly flat: readonly string[];
  /** In lower case: these replace ours. */
  readonly names: ReadonlySet<string>;
}

// A Target lives for many requests: its headers are checked and lower-cased once.
const prepared = new WeakMap<Target['headers'], PreparedHeaders>();

function preparedHeaders(headers: Target['headers']): PreparedHeaders {
  let result = prepared.get(headers);
  if (result === undefined) {
    for (const [name, value] of headers) {
      const problem = headerProblem(name, value);
      if (problem !== undefined) throw new PayloadInvalidError(`The request can't be built: ${problem}`);
    }
    result = { flat: headers.flat(), names: new Set(headers.map(([name]) => name.toLowerCase())) };
    prepared.set(headers, result);
  }
  return result;
}

/** Names in `extra` are in lower case already. */
function pushUnlessSet(flat: string[], extra: readonly string[], names: ReadonlySet<string>): void {
  for (let index = 0; index + 1 < extra.length; index += 2) {
    const name = extra[index] as string;
    if (!names.has(name)) flat.push(name, extra[index + 1] as string);
  }
}
