/**
 * The body of a request (`payload.format`). It follows from the event alone, so it is the same bytes on each
 * attempt. Envelopes are spliced around the producer's bytes: a number keeps its digits, a key its place.
 */
import { binaryHeaders, declaredContentType, isStructuredCloudEvent, structuredBody } from './cloud-event.ts';
import type { DeliveryEvent } from './delivery-event.ts';
import { spliceJSON } from './json-splice.ts';
import type { PayloadFormat } from './webhook-config.ts';

export { PayloadInvalidError } from './payload-error.ts';

export interface Payload {
  readonly body: Uint8Array;
  readonly contentType: string;
  /** Flat name, value, name, value, …: headers that are part of the format. */
  readonly extraHeaders: readonly string[];
}

const json = 'application/json';
const structuredContentType = 'application/cloudevents+json; charset=utf-8';
const noHeaders: readonly string[] = [];

const builders: Readonly<Record<PayloadFormat, (event: DeliveryEvent) => Payload>> = {
  Raw: (event) => raw(event, noHeaders),
  Event: (event) => envelope('{"event":', event),
  StandardWebhooks: (event) => envelope(standardHead(event), event),
  CloudEventsStructured: (event) =>
    isStructuredCloudEvent(event)
      ? raw(event, noHeaders)
      : { body: structuredBody(event), contentType: structuredContentType, extraHeaders: noHeaders },
  CloudEventsBinary: (event) => raw(event, isStructuredCloudEvent(event) ? noHeaders : binaryHeaders(event)),
};

/**
 * Throws {@link PayloadInvalidError} when an envelope is asked for and the event's bytes are no JSON. An event that is a
 * structured CloudEvent already stays as it is in both CloudEvents formats.
 */
export function buildPayload(format: PayloadFormat, event: DeliveryEvent): Payload {
  return builders[format](event);
}

function raw(event: DeliveryEvent, extraHeaders: readonly string[]): Payload {
  return { body: event.data, contentType: declaredContentType(event) ?? json, extraHeaders };
}

function envelope(head: string, event: DeliveryEvent): Payload {
  return { body: spliceJSON(head, event.data, '}'), contentType: json, extraHeaders: noHeaders };
}

function standardHead(event: DeliveryEvent): string {
  const timestamp = new Date(event.storedAt).toISOString();
  return `{"type":${JSON.stringify(event.type)},"timestamp":"${timestamp}","data":`;
}
