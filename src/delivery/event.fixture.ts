import type { DeliveryEvent, ProducerHeaders } from './delivery-event.ts';

/** Producer's headers that are found without regard to case. For tests. */
export function producerHeaders(headers: Readonly<Record<string, string>>): ProducerHeaders {
  const byLowerName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { header: (name) => byLowerName.get(name.toLowerCase()) ?? '', headers: () => ({ ...headers }) };
}

/** An event of the source `team-a`, stored at the start of 2026. For tests. */
export function deliveryEvent(
  data: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  changes: Partial<DeliveryEvent> = {},
): DeliveryEvent {
  return {
    id: 'evt-1',
    type: 'item.created',
    source: 'team-a',
    storedAt: Date.UTC(2026, 0, 1, 12, 0, 0, 5),
    data: typeof data === 'string' ? Buffer.from(data) : data,
    producer: producerHeaders(headers),
    ...changes,
  };
}
