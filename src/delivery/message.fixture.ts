import type { ConsumedMessage } from '../jetstream/broker.ts';

/** A message of EVENTS that can be acknowledged without effect. For tests. */
export function consumedMessage(changes: Partial<ConsumedMessage> = {}): ConsumedMessage {
  return {
    subject: 'events.3.team-a.item.created',
    sequence: 1,
    timestamp: Date.UTC(2026, 0, 1),
    data: Buffer.from('{}'),
    header: () => '',
    headers: () => ({}),
    deliveryCount: 1,
    ack: () => undefined,
    nak: () => undefined,
    ...changes,
  };
}
