import type { Broker } from './broker.ts';
import { encodeRecord, type DeliveryRecord } from './delivery-record.ts';
import {
  parseDeliverySubject,
  retryDueSubject,
  retryScheduleFilter,
  retryScheduleSubject,
  retrySlotFilter,
  type StreamNames,
} from './subjects.ts';

/**
 * Deliveries that wait for their next attempt, as messages that the server publishes when they are due. One schedule per
 * delivery: a newer one replaces it. Every method throws `BrokerError`.
 */
export class RetryStore {
  readonly #broker: Broker;
  readonly #names: StreamNames;

  constructor(broker: Broker, names: StreamNames) {
    this.#broker = broker;
    this.#names = names;
  }

  /**
   * Schedules `record`, or replaces its schedule; a time in the past fires at once. Sends no `Nats-Msg-Id`, because it would
   * swallow a re-schedule: the subject is the upsert key.
   *
   * @param dueAt local wall-clock time in ms since the epoch; corrected here by the measured offset to the server's clock.
   * @returns the sequence to pass to {@link cancel}.
   */
  async schedule(slot: number, uid: string, record: DeliveryRecord, dueAt: number): Promise<number> {
    const { headers, data } = encodeRecord({ ...record, dueAt }, this.#broker.maxPayload);
    const ack = await this.#broker.publish(retryScheduleSubject(slot, uid, record.key), data, {
      headers,
      schedule: { at: dueAt + this.#broker.clockOffsetMs(), target: retryDueSubject(slot, uid) },
    });
    return ack.sequence;
  }

  /**
   * Removes the schedule that `confirmedSequence` confirmed, and never a newer one on the same subject.
   *
   * @returns false when it was not there any more: fired or replaced.
   */
  async cancel(slot: number, uid: string, key: string, confirmedSequence: number): Promise<boolean> {
    const subject = retryScheduleSubject(slot, uid, key);
    const { purged } = await this.#broker.purge(this.#names.retries, subject, confirmedSequence + 1);
    return purged > 0;
  }

  /** Removes everything that waits for a webhook, scheduled or due. */
  async purgeWebhook(slot: number, uid: string): Promise<void> {
    await this.#broker.purge(this.#names.retries, retryScheduleFilter(slot, uid));
    // After the schedules: one that fires in between lands here.
    await this.#broker.purge(this.#names.retries, retryDueSubject(slot, uid));
  }

  /** Deliveries that wait, scheduled or due, by webhook uid. From the leader. */
  async countWaiting(slot: number): Promise<Map<string, number>> {
    const state = await this.#broker.streamState(this.#names.retries, retrySlotFilter(slot));
    const counts = new Map<string, number>();
    for (const [subject, count] of Object.entries(state.subjects ?? {})) {
      const uid = parseDeliverySubject(subject)?.uid;
      if (uid !== undefined) counts.set(uid, (counts.get(uid) ?? 0) + count);
    }
    return counts;
  }
}
