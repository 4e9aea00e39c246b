/**
 * The producer's headers travel with retries, backlog entries and dead letters as JSON in one header of ours: copied as
 * they are, a `Nats-TTL` or `Nats-Rollup` would act on our own streams (DESIGN 7).
 */
import type { HeaderLookup } from './event-identity.ts';

/** The header, on messages of our own streams, that holds the encoded headers. */
export const producerHeadersName = 'Webhook-Operator-Headers';

/** Longest encoding in bytes: leaves room for our other headers in the 64 KiB that are kept free below `max_payload`. */
export const maxProducerHeadersBytes = 32 * 1024;

/** The producer's headers of one event. A stored event's message is one; {@link decodeProducerHeaders} makes the other. */
export interface ProducerHeaders extends HeaderLookup {
  /** All of them, built on demand: not for the hot path. */
  headers(): Record<string, string>;
}

export interface EncodedHeaders {
  /** ASCII JSON object of name to value, at most {@link maxProducerHeadersBytes} long. */
  readonly value: string;
  /** Names that did not fit. When there are any, only a reference to the stored event keeps them. */
  readonly dropped: readonly string[];
}

/** Encodes for one header of ours; what requests are built from goes first, so that it is the last to be dropped. */
export function encodeProducerHeaders(headers: Readonly<Record<string, string>>): EncodedHeaders {
  const kept = Object.entries(headers).filter(([name]) => !isControlHeader(name));
  kept.sort(([a], [b]) => rank(a) - rank(b));
  const parts: string[] = [];
  const dropped: string[] = [];
  let length = 2;
  for (const [name, value] of kept) {
    const part = `${asciiJSON(name)}:${asciiJSON(value)}`;
    if (length + part.length + 1 > maxProducerHeadersBytes) {
      dropped.push(name);
      continue;
    }
    length += part.length + 1;
    parts.push(part);
  }
  return { value: `{${parts.join(',')}}`, dropped };
}

/** Reads what {@link encodeProducerHeaders} wrote. What is no JSON object of strings is no headers. */
export function decodeProducerHeaders(value: string): ProducerHeaders {
  const byLowerName = new Map<string, string>();
  const all: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, text] of entriesOf(value)) {
    if (typeof text !== 'string' || isControlHeader(name)) continue;
    all[name] = text;
    byLowerName.set(name.toLowerCase(), text);
  }
  return {
    header: (name) => byLowerName.get(name.toLowerCase()) ?? '',
    headers: () => all,
  };
}

function entriesOf(json: string): [string, unknown][] {
  try {
    const parsed: unknown = JSON.parse(json);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? Object.entries(parsed) : [];
  } catch {
    return [];
  }
}

/** Headers that act on a stream, or are ours. */
function isControlHeader(name: string): boolean {
  return /^(?:nats-|webhook-operator-)/i.test(name);
}

function rank(name: string): number {
  if (/^(?:traceparent|content-type|ce-(?:id|source|type|specversion|time|datacontenttype))$/i.test(name)) return 0;
  return /^(?:tracestate|ce-.*)$/i.test(name) ? 1 : 2;
}

function asciiJSON(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
