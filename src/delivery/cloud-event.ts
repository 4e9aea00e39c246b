/**
 * CloudEvents 1.0 over HTTP, from events that may have been published by the NATS binding (attributes in `ce-…` headers) or
 * by a producer that knows nothing of CloudEvents.
 */
import type { DeliveryEvent } from './delivery-event.ts';
import { isFieldValue, percentDecoded, percentEncoded } from './field-value.ts';
import { spliceJSON } from './json-splice.ts';

const attributeName = /^[a-z0-9]+$/;

/** The event's data is a whole CloudEvent already (the structured mode of the NATS binding). */
export function isStructuredCloudEvent(event: DeliveryEvent): boolean {
  return /^application\/cloudevents(?:[+;-]|$)/i.test(event.producer.header('content-type'));
}

/** The media type of the data as the producer declares it; undefined when it doesn't, or not in a form that can be sent. */
export function declaredContentType(event: DeliveryEvent): string | undefined {
  const declared = event.producer.header('content-type') || event.producer.header('ce-datacontenttype');
  return declared !== '' && isFieldValue(declared) ? declared : undefined;
}

/** `ce-…` headers, flat, for the binary mode: the producer's, with the required ones added where they are missing. */
export function binaryHeaders(event: DeliveryEvent): string[] {
  const flat: string[] = [];
  for (const [name, value] of attributes(event)) flat.push(`ce-${name}`, percentEncoded(value));
  return flat;
}

/** The body for the structured mode. JSON data is spliced in as it is, other data goes into `data_base64`. */
export function structuredBody(event: DeliveryEvent): Uint8Array {
  const contentType = declaredContentType(event);
  const members: string[] = [];
  for (const [name, value] of attributes(event)) members.push(`${JSON.stringify(name)}:${JSON.stringify(value)}`);
  members.push(`"datacontenttype":${JSON.stringify(contentType ?? 'application/json')}`);
  const head = `{${members.join(',')}`;
  if (contentType !== undefined && !isJSONType(contentType)) {
    return Buffer.from(`${head},"data_base64":"${Buffer.from(event.data).toString('base64')}"}`, 'utf8');
  }
  return spliceJSON(`${head},"data":`, event.data, '}');
}

/** Attribute names and values without their transport's encoding; `datacontenttype` and the data are not among them. */
function attributes(event: DeliveryEvent): Map<string, string> {
  const found = new Map([
    ['specversion', '1.0'],
    ['id', event.id],
    ['source', encodeURIComponent(event.source.toWellFormed())],
    ['type', event.type],
    ['time', new Date(event.storedAt).toISOString()],
  ]);
  for (const [header, value] of Object.entries(event.producer.headers())) {
    const lower = header.toLowerCase();
    if (!lower.startsWith('ce-') || value === '') continue;
    const name = lower.slice(3);
    if (attributeName.test(name) && name !== 'data' && name !== 'datacontenttype')
      found.set(name, percentDecoded(value));
  }
  return found;
}

/** The media types whose data the JSON format embeds as JSON (CloudEvents JSON format, 3.1). */
function isJSONType(contentType: string): boolean {
  return /^[^;/]+\/(?:[^;]+\+)?json\s*(?:;|$)/i.test(contentType);
}
