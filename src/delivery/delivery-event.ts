import type { ProducerHeaders } from './producer-headers.ts';

/** One event as requests are built from it; the same on each attempt, wherever it was read from. */
export interface DeliveryEvent {
  /** What receivers deduplicate by. */
  readonly id: string;
  readonly type: string;
  readonly source: string;
  /** When the server stored the event, milliseconds since the epoch. */
  readonly storedAt: number;
  /** The producer's bytes. */
  readonly data: Uint8Array;
  readonly producer: ProducerHeaders;
}
