import type { Broker } from './broker.ts';
import { decodeRecord, encodeRecord, type DeliveryRecord } from './delivery-record.ts';
import { parseDeliverySubject } from './subjects.ts';

/** An entry of a {@link SubjectLog}. */
export interface LogEntry {
  readonly sequence: number;
  /** When it was appended, ms since the epoch, server's clock. */
  readonly appendedAt: number;
  /** Undefined for a message that the operator did not write: to be skipped, counted and cut. */
  readonly record: DeliveryRecord | undefined;
}

/** Where a {@link SubjectLog} lives. */
export interface SubjectLogPlace {
  readonly stream: string;
  subject(slot: number, uid: string): string;
  /** All subjects of a slot. */
  slotFilter(slot: number): string;
}

/**
 * Records on one subject per webhook, appended at the end, read by direct get and cut from the front: what BACKLOG and
 * DEADLETTERS have in common. Every method throws `BrokerError`.
 */
export class SubjectLog {
  readonly #broker: Broker;
  readonly #place: SubjectLogPlace;

  constructor(broker: Broker, place: SubjectLogPlace) {
    this.#broker = broker;
    this.#place = place;
  }

  /**
   * @param messageID `Nats-Msg-Id`: random for each append, and the same only when that append is repeated because its
   *   confirmation was lost.
   * @returns the sequence; the first one's when this was a repeat.
   */
  async append(slot: number, uid: string, record: DeliveryRecord, messageID: string): Promise<number> {
    const { headers, data } = encodeRecord(record, this.#broker.maxPayload);
    const ack = await this.#broker.publish(this.#place.subject(slot, uid), data, { headers, messageID });
    return ack.sequence;
  }

  /** Up to `limit` entries from `fromSequence` on, oldest first. May come from a follower that lags behind. */
  async read(slot: number, uid: string, fromSequence: number, limit: number): Promise<LogEntry[]> {
    const subject = this.#place.subject(slot, uid);
    const messages = await this.#broker.directGet(this.#place.stream, subject, fromSequence, limit);
    return messages.map((message) => ({
      sequence: message.sequence,
      appendedAt: message.timestamp,
      record: decodeRecord(message),
    }));
  }

  /** Whether an entry is still there, asked of the leader: a follower that lags still shows what was cut. */
  async exists(sequence: number): Promise<boolean> {
    return (await this.#broker.getMessage(this.#place.stream, sequence)) !== undefined;
  }

  /** Removes the entries up to and including `throughSequence`. */
  async cut(slot: number, uid: string, throughSequence: number): Promise<void> {
    await this.#broker.purge(this.#place.stream, this.#place.subject(slot, uid), throughSequence + 1);
  }

  /** Asks the leader, so that true is final until somebody appends. */
  async isEmpty(slot: number, uid: string): Promise<boolean> {
    const subject = this.#place.subject(slot, uid);
    const state = await this.#broker.streamState(this.#place.stream, subject);
    return (state.subjects?.[subject] ?? 0) === 0;
  }

  /** Entries by webhook uid, only those that have any. From the leader. */
  async nonEmpty(slot: number): Promise<Map<string, number>> {
    const state = await this.#broker.streamState(this.#place.stream, this.#place.slotFilter(slot));
    const counts = new Map<string, number>();
    for (const [subject, count] of Object.entries(state.subjects ?? {})) {
      const uid = parseDeliverySubject(subject)?.uid;
      if (uid !== undefined && count > 0) counts.set(uid, count);
    }
    return counts;
  }

  async purgeWebhook(slot: number, uid: string): Promise<void> {
    await this.#broker.purge(this.#place.stream, this.#place.subject(slot, uid));
  }
}
