import { sleep } from '../clock.ts';
import { BrokerError, type Broker, type ConsumedMessage, type Subscription } from '../jetstream/broker.ts';
import type { HeldBy } from '../jetstream/delivery-record.ts';
import { orderedConsumerSpec, takeOver } from '../jetstream/slot-consumers.ts';
import type { StreamNames } from '../jetstream/subjects.ts';
import type { AckCollector } from './ack-collector.ts';
import { contentOfEvent, recordOf, type EventContent } from './delivery.ts';
import { filterAccepts } from './event-filter.ts';
import { parseEventSubject } from './event-identity.ts';
import type { OrderedLane } from './ordered-lane.ts';
import { matchesAnyPattern } from './pattern.ts';
import { ClaimLostError } from './slot-claim.ts';

const retryDelayMs = 1000;

export interface OrderedIntakeDeps {
  readonly broker: Broker;
  readonly names: StreamNames;
  readonly partition: number;
  readonly acks: AckCollector;
  readonly streamIdentity: () => string;
}

/**
 * Brings the events of an ordered webhook into its backlog, in the order of the stream: a durable consumer of its own that
 * hands out one event at a time, each acked after its append is confirmed.
 */
export class OrderedIntake {
  readonly #lane: OrderedLane;
  readonly #deps: OrderedIntakeDeps;
  #subscription: Promise<Subscription> | undefined;

  constructor(lane: OrderedLane, deps: OrderedIntakeDeps) {
    this.#lane = lane;
    this.#deps = deps;
  }

  /** Begins to consume once the lane may. */
  update(): void {
    if (!this.#lane.mayConsume) return;
    this.#subscription ??= this.#subscribe();
    this.#subscription.catch(() => undefined);
  }

  async stop(): Promise<void> {
    const subscription = await this.#subscription?.catch(() => undefined);
    await subscription?.stop();
  }

  async #subscribe(): Promise<Subscription> {
    const { broker, names, partition } = this.#deps;
    const { uid, config, services } = this.#lane;
    const { clock, claim, logger } = services;
    for (;;) {
      await claim.held();
      try {
        const spec = orderedConsumerSpec({
          names,
          uid,
          partition,
          source: config.source,
          generation: claim.generation,
          startSequence: this.#startSequence(),
        });
        await takeOver(broker, spec);
        const group = spec.pinnedGroup === undefined ? {} : { pinnedGroup: spec.pinnedGroup };
        const subscription = await broker.consume(spec.stream, spec.durable, { maxMessages: 1, ...group }, (message) =>
          this.#lane.background('ordered append', this.#append(message)),
        );
        void subscription.closed.then(() => this.#ended());
        return subscription;
      } catch (error) {
        if (error instanceof ClaimLostError) throw error;
        logger.error('Could not consume for an ordered webhook; trying again', { uid, error });
        await sleep(clock, retryDelayMs);
      }
    }
  }

  #ended(): void {
    this.#subscription = undefined;
    if (this.#lane.mayConsume) this.#lane.services.clock.setTimer(() => this.update(), retryDelayMs);
  }

  #startSequence(): number {
    const stream = this.#deps.streamIdentity();
    const { owed, ordered } = this.#lane.state;
    const from = owed?.stream === stream ? owed.sequence : 0;
    return Math.max(from, ordered?.stream === stream ? ordered.settledThrough : 0) + 1;
  }

  async #append(message: ConsumedMessage): Promise<void> {
    const lane = this.#lane;
    const subject = parseEventSubject(message.subject);
    if (subject !== undefined && matchesAnyPattern(lane.config.patterns, subject.type)) {
      const content = contentOfEvent(message, subject, this.#deps.streamIdentity());
      const unfiltered = lane.config.hold === 'InvalidSpec';
      if (lane.owes(content) && (unfiltered || filterAccepts(lane.config, lane, content))) {
        if (lane.dropsNewcomers) lane.metrics.skipped('dropped');
        else await this.#store(content, unfiltered ? 'Unfiltered' : 'Ordered');
      }
    }
    this.#deps.acks.ack(message);
  }

  async #store(content: EventContent, heldBy: HeldBy): Promise<void> {
    const lane = this.#lane;
    const { backlog, writes, slot, newID } = lane.services;
    const record = recordOf(content, { attempt: 1, heldBy });
    const messageID = newID();
    try {
      await writes.run('ordered append', () => backlog.append(slot, lane.uid, record, messageID));
    } catch (error) {
      if (!(error instanceof BrokerError) || error.kind !== 'SubjectFull') throw error;
      lane.backlogRefused();
      return;
    }
    lane.appended();
  }
}
