import type { HeaderLookup } from './event-identity.ts';

/** The producer's headers of one event; the message of a stored event is one. */
export interface ProducerHeaders extends HeaderLookup {
  /** All of them, built on demand: not for the hot path. */
  headers(): Record<string, string>;
}

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
