import type { Clock } from '../clock.ts';
import type { ConsumedMessage } from '../jetstream/broker.ts';
import { decodeRecord, type DeliveryRecord } from '../jetstream/delivery-record.ts';
import { parseDeliverySubject } from '../jetstream/subjects.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { AckCollector } from './ack-collector.ts';
import type { ConfirmedWrites } from './confirmed-write.ts';
import { contentOf, contentOfEvent, type Arrival } from './delivery.ts';
import { parseEventSubject } from './event-identity.ts';
import { filterAccepts } from './event-filter.ts';
import { EventTracker } from './event-tracker.ts';
import { engineLimits } from './lane-services.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { ParallelLane } from './parallel-lane.ts';
import { PatternIndex } from './pattern-index.ts';
import type { RetryStore } from '../jetstream/retry-store.ts';
import type { WebhookLane } from './webhook-lane.ts';

/** A due retry of a Webhook that this slot doesn't know waits this long again: until a LIST shows whether it exists. */
const unknownRetryDelayMs = 30_000;

export interface SlotIntakeOptions {
  readonly slot: number;
  readonly clock: Clock;
  readonly acks: AckCollector;
  readonly memory: MemoryBudget;
  readonly writes: ConfirmedWrites;
  readonly retries: RetryStore;
  readonly logger: Logger;
  readonly lane: (uid: string) => WebhookLane | undefined;
  /** More events are in hand than should be (true), or few enough again (false). */
  readonly onFull: (full: boolean) => void;
}

/**
 * Turns the messages of a slot's two consumers into deliveries: events are matched in memory, due retries go to their
 * webhook. Keeps what it settled of an event until the server confirms the ack.
 */
export class SlotIntake {
  readonly #options: SlotIntakeOptions;
  readonly #indexes = new Map<string, PatternIndex<ParallelLane>>();
  /** Unacked events by sequence. */
  readonly #pending = new Map<number, EventTracker>();
  /** Acked events above the confirmed floor: a copy that comes again is only acked again. */
  readonly #settled = new Set<number>();
  readonly #eventSettled = (tracker: EventTracker): void => {
    this.#pending.delete(tracker.sequence);
    this.#settled.add(tracker.sequence);
    this.#options.memory.remove(tracker.bytes);
    this.#options.acks.ack(tracker.message);
    if (this.#full && this.#pending.size <= engineLimits.resumeUnackedEvents) this.#setFull(false);
  };
  #full = false;
  /** First part of every delivery key of EVENTS: its creation, base 36. */
  #streamIdentity = '';
  /** Events up to this sequence may have been worked by an earlier owner, or before the consumer was made anew. */
  #workedThrough = 0;
  /**
   * Up to here an event may be a repeat, whatever its delivery count says: a consumer that was made anew counts from 1 again, and
   * a server that was killed forgets its last 100 ms of deliveries and acks (measured).
   */
  #highest = 0;
  /** The highest ack floor that was confirmed: whatever comes from below it is settled. */
  #confirmed = 0;
  #stopped = false;

  constructor(options: SlotIntakeOptions) {
    this.#options = options;
  }

  /** Unacked events. */
  get pending(): number {
    return this.#pending.size;
  }

  /** EVENTS was found, or made anew: sequences mean something else from now on. Its last one is `lastSequence`. */
  setStream(identity: string, lastSequence: number): void {
    this.#workedThrough = lastSequence;
    if (identity === this.#streamIdentity) return;
    this.#streamIdentity = identity;
    this.#settled.clear();
    this.#highest = 0;
    this.#confirmed = 0;
  }

  setPatterns(lane: ParallelLane): void {
    const { source, patterns } = lane.config;
    let index = this.#indexes.get(source);
    if (index === undefined) {
      index = new PatternIndex();
      this.#indexes.set(source, index);
    }
    index.set(lane, patterns);
  }

  remove(lane: ParallelLane): void {
    const index = this.#indexes.get(lane.config.source);
    index?.delete(lane);
    if (index?.size === 0) this.#indexes.delete(lane.config.source);
  }

  #setFull(full: boolean): void {
    this.#full = full;
    this.#options.onFull(full);
  }

  /** The consumer's ack floor: acks up to it are confirmed. */
  confirm(floor: number): void {
    this.#confirmed = Math.max(this.#confirmed, floor);
    for (const sequence of this.#settled) if (sequence <= floor) this.#settled.delete(sequence);
  }

  /** Nothing that arrives from now on is begun. */
  stop(): void {
    this.#stopped = true;
  }

  /** Drops what is in hand, when the slot is another's. */
  abandon(): void {
    this.#stopped = true;
    for (const tracker of this.#pending.values()) this.#options.memory.remove(tracker.bytes);
    this.#pending.clear();
    this.#settled.clear();
  }

  /** Must not throw: the client would end the subscription. */
  readonly onEvent = (message: ConsumedMessage): void => {
    try {
      this.#event(message);
    } catch (error) {
      this.#options.logger.error('Could not take an event; the server delivers it again', {
        slot: this.#options.slot,
        sequence: message.sequence,
        error,
      });
    }
  };

  #event(message: ConsumedMessage): void {
    const { sequence } = message;
    if (sequence <= this.#highest || message.deliveryCount > 1 || this.#stopped) {
      const pending = this.#pending.get(sequence);
      if (pending !== undefined) {
        pending.message = message;
        return;
      }
      if (sequence <= this.#confirmed || this.#settled.has(sequence)) {
        this.#options.acks.ack(message);
        return;
      }
      if (this.#stopped) {
        message.nak();
        return;
      }
    }
    if (sequence > this.#highest) this.#highest = sequence;
    const subject = parseEventSubject(message.subject);
    const lanes = subject === undefined ? undefined : this.#indexes.get(subject.source)?.match(subject.type);
    if (subject === undefined || lanes === undefined || lanes.length === 0) {
      this.#options.acks.ack(message);
      return;
    }
    const { clock, memory } = this.#options;
    const content = contentOfEvent(message, subject, this.#streamIdentity);
    const mayHaveCopies = sequence <= this.#workedThrough || message.deliveryCount > 1;
    const tracker = new EventTracker(message, clock.monotonic(), this.#eventSettled, mayHaveCopies);
    this.#pending.set(sequence, tracker);
    memory.add(tracker.bytes);
    if (!this.#full && this.#pending.size >= engineLimits.maxUnackedEvents) this.#setFull(true);
    for (const lane of lanes) {
      const { config } = lane;
      // Decided once, at first sight; with an invalid filter only when its fault is mended.
      if (config.filter !== undefined && config.hold !== 'InvalidSpec' && !filterAccepts(config, lane, content)) {
        continue;
      }
      tracker.add();
      lane.offer({ content, origin: tracker, attempt: 1 });
    }
    tracker.settle();
  }

  readonly onRetry = (message: ConsumedMessage): void => {
    try {
      this.#retry(message);
    } catch (error) {
      this.#options.logger.error('Could not take a due retry; the server delivers it again', {
        slot: this.#options.slot,
        sequence: message.sequence,
        error,
      });
    }
  };

  #retry(message: ConsumedMessage): void {
    const { acks, clock, logger, slot } = this.#options;
    if (this.#stopped) {
      message.nak();
      return;
    }
    const uid = parseDeliverySubject(message.subject)?.uid;
    const record = decodeRecord(message);
    if (uid === undefined || record === undefined) {
      logger.error('Skipped a due retry that the operator did not write', { slot, subject: message.subject });
      acks.ack(message);
      return;
    }
    const lane = this.#options.lane(uid);
    if (!(lane instanceof ParallelLane)) {
      this.#scheduleAgain(uid, record, message);
      return;
    }
    const { firstAttemptAt, last, scheduleID } = record;
    const arrival: Arrival = {
      content: contentOf(record, lane.config.source),
      origin: { kind: 'Retry', receivedAt: clock.monotonic(), settle: () => acks.ack(message) },
      attempt: record.attempt,
      ...(firstAttemptAt === undefined ? {} : { firstAttemptAt }),
      ...(last === undefined ? {} : { last }),
      ...(scheduleID === undefined ? {} : { scheduleID }),
    };
    lane.offer(arrival);
  }

  // Nobody is there to want it, but that may only mean that the Webhook is not known yet: the sweep of deleted Webhooks, which
  // asks the API server twice, removes it if it is gone.
  #scheduleAgain(uid: string, record: DeliveryRecord, message: ConsumedMessage): void {
    const { acks, clock, logger, retries, slot, writes } = this.#options;
    writes
      .run('unknown retry', () => retries.schedule(slot, uid, record, clock.now() + unknownRetryDelayMs))
      .then(
        () => acks.ack(message),
        (error: unknown) => {
          logger.debug('Left a due retry of an unknown webhook', { slot, uid, error: messageOf(error) });
        },
      );
  }
}
