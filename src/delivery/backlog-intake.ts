import type { LogEntry } from '../jetstream/subject-log.ts';
import { contentOf, Delivery, type Arrival } from './delivery.ts';
import { filterAccepts } from './event-filter.ts';
import type { ParallelLane } from './parallel-lane.ts';
import { matchesAnyPattern } from './pattern.ts';

/** Longest pause before a backlog whose first entry is not due yet is looked at again. */
const maxNotDueMs = 5000;

/** Turns entries of a lane's backlog into deliveries, and settles those that need no attempt. */
export class BacklogIntake {
  readonly #lane: ParallelLane;

  constructor(lane: ParallelLane) {
    this.#lane = lane;
  }

  /** The next entry that is to be attempted now, in hand already; undefined when there is none in memory. */
  next(): Delivery | undefined {
    const lane = this.#lane;
    for (;;) {
      const upcoming = lane.drainage.peek()?.record;
      const waitMs = upcoming?.dueAt === undefined ? 0 : upcoming.dueAt - lane.services.clock.now();
      if (waitMs > 0 && !lane.mayScheduleRetry) {
        // No room among the retries: the entry waits here, and those behind it with it.
        lane.pumpAfter(Math.min(waitMs, maxNotDueMs));
        return undefined;
      }
      const entry = lane.drainage.take();
      if (entry === undefined) return undefined;
      const delivery = this.#admit(entry, waitMs);
      if (delivery !== undefined) return delivery;
    }
  }

  #admit(entry: LogEntry, waitMs: number): Delivery | undefined {
    const lane = this.#lane;
    const arrival = this.#arrivalOf(entry);
    if (arrival === undefined) {
      lane.services.logger.error('Skipped a backlog entry that the operator did not write', {
        uid: lane.uid,
        sequence: entry.sequence,
      });
      lane.drainage.settle(entry.sequence);
      return undefined;
    }
    const { content } = arrival;
    const current = lane.working.get(content.key);
    if (current !== undefined) {
      (current.followers ??= []).push(arrival);
      return undefined;
    }
    if (lane.settlement.followKnown(arrival)) return undefined;
    if (!lane.owes(content)) {
      lane.settlement.dismiss(arrival);
      return undefined;
    }
    const unwanted =
      !matchesAnyPattern(lane.config.patterns, content.type) ||
      (arrival.heldBy === 'Unfiltered' && !filterAccepts(lane.config, lane, content));
    if (unwanted) {
      lane.metrics.skipped('unsubscribed');
      lane.settlement.dismiss(arrival);
      return undefined;
    }
    const delivery = new Delivery(arrival);
    lane.working.add(delivery);
    if (waitMs > 0 && arrival.dueAt !== undefined) {
      delivery.phase = 'Settling';
      lane.background('reschedule', lane.settlement.retry(delivery, delivery.attempt, arrival.dueAt));
      return undefined;
    }
    return delivery;
  }

  #arrivalOf({ sequence, record }: LogEntry): Arrival | undefined {
    if (record === undefined) return undefined;
    const { drainage, config, services } = this.#lane;
    const { firstAttemptAt, last, dueAt, heldBy } = record;
    return {
      content: contentOf(record, config.source),
      origin: {
        kind: 'Backlog',
        receivedAt: services.clock.monotonic(),
        settle: () => drainage.settle(sequence),
        release: () => drainage.release(sequence),
        mayStay: () => drainage.isLast(sequence),
      },
      // What a disable held back restarts.
      attempt: heldBy === 'Disable' ? 1 : record.attempt,
      ...(firstAttemptAt === undefined ? {} : { firstAttemptAt }),
      ...(last === undefined ? {} : { last }),
      ...(dueAt === undefined || heldBy === 'Disable' ? {} : { dueAt }),
      ...(heldBy === undefined ? {} : { heldBy }),
    };
  }
}
