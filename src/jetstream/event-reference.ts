import { deliveryKey } from '../delivery/event-identity.ts';
import type { Broker } from './broker.ts';
import { isReference, producerHeadersOf, type DeliveryRecord } from './delivery-record.ts';
import type { StreamNames } from './subjects.ts';

/** A record whose body is there. */
export type LoadedRecord = DeliveryRecord & { readonly body: Uint8Array };

/**
 * Replaces a reference by the event's body and its producer's headers; a record that carries its body is returned as it is.
 *
 * @returns undefined when the event is gone, by retention or because EVENTS was made anew since: the delivery is lost.
 *   Throws `BrokerError`.
 */
export async function loadRecord(
  broker: Broker,
  names: StreamNames,
  record: DeliveryRecord,
): Promise<LoadedRecord | undefined> {
  const { body } = record;
  if (!isReference(body)) return { ...record, body };
  const message = await broker.getMessage(names.events, body.reference);
  if (message === undefined) return undefined;
  // In a stream made anew the sequence names another event; the key tells which stream the record came from.
  const { created } = await broker.streamState(names.events);
  const key = deliveryKey(created, body.reference);
  if (record.key !== key && !record.key.startsWith(`${key}-`)) return undefined;
  return { ...record, body: message.data, producerHeaders: producerHeadersOf(message) };
}
