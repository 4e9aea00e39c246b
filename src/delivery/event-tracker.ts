import type { ConsumedMessage } from '../jetstream/broker.ts';
import type { Origin } from './delivery.ts';

/** Told once, when every delivery of an event is settled. */
export type EventSettled = (tracker: EventTracker) => void;

/** An unacked event and the number of its deliveries that are not settled yet: the origin of all of them. */
export class EventTracker implements Origin {
  readonly kind = 'Event';
  readonly receivedAt: number;
  readonly sequence: number;
  readonly bytes: number;
  readonly mayHaveCopies: boolean;
  /** The latest copy that the server handed out. */
  message: ConsumedMessage;
  #unsettled = 1;
  readonly #done: EventSettled;

  constructor(message: ConsumedMessage, receivedAt: number, done: EventSettled, mayHaveCopies = false) {
    this.message = message;
    this.mayHaveCopies = mayHaveCopies;
    this.sequence = message.sequence;
    this.bytes = message.data.byteLength;
    this.receivedAt = receivedAt;
    this.#done = done;
  }

  /** One more delivery depends on this event. */
  add(): void {
    this.#unsettled++;
  }

  settle(): void {
    if (--this.#unsettled === 0) this.#done(this);
  }
}
