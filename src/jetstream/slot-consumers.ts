import type { Broker, ConsumerSpec, ConsumerState } from './broker.ts';
import type { SlotFloor } from './state-store.ts';
import { partitionFilter, retryDueFilter, sourceFilter, type StreamNames } from './subjects.ts';

/** Always sent, because the server's own default differs by version. */
const defaultMaxAckPending = 4096;

export const eventsConsumerName = (slot: number): string => `events-${slot}`;
export const retriesConsumerName = (slot: number): string => `retries-${slot}`;
/** The consumer of an ordered webhook. */
export const orderedConsumerName = (uid: string): string => `ordered-${uid}`;

/** The priority group of an owner's generation: a client of an older generation is refused by the server. At most 16 characters. */
export const generationGroup = (generation: number): string => `g${generation.toString(36)}`;

/** The two consumers of a slot as specs. */
export function slotConsumerSpecs(options: {
  readonly names: StreamNames;
  readonly slot: number;
  readonly partition: number;
  readonly generation: number;
  readonly maxAckPending?: number;
  /** First EVENTS sequence to deliver, if the consumer must be made. */
  readonly startSequence: number;
}): { readonly events: ConsumerSpec; readonly retries: ConsumerSpec } {
  const maxAckPending = options.maxAckPending ?? defaultMaxAckPending;
  const pinnedGroup = generationGroup(options.generation);
  return {
    events: {
      stream: options.names.events,
      durable: eventsConsumerName(options.slot),
      filterSubject: partitionFilter(options.partition),
      maxAckPending,
      pinnedGroup,
      startSequence: options.startSequence,
    },
    retries: {
      stream: options.names.retries,
      durable: retriesConsumerName(options.slot),
      filterSubject: retryDueFilter(options.slot),
      maxAckPending,
      pinnedGroup,
    },
  };
}

/** The consumer of an ordered webhook: one event at a time, in stream order, all of its source. */
export function orderedConsumerSpec(options: {
  readonly names: StreamNames;
  readonly uid: string;
  readonly partition: number;
  readonly source: string;
  readonly generation: number;
  readonly startSequence: number;
}): ConsumerSpec {
  return {
    stream: options.names.events,
    durable: orderedConsumerName(options.uid),
    filterSubject: sourceFilter(options.partition, options.source),
    maxAckPending: 1,
    pinnedGroup: generationGroup(options.generation),
    startSequence: options.startSequence,
  };
}

/**
 * Where a consumer of EVENTS begins when it must be made: behind the floor, or at the stream's first message when there is
 * no floor or the stream was made anew since. Never at "new", which would lose what came meanwhile.
 */
export function startSequenceOf(floor: SlotFloor | undefined, eventsCreated: string): number {
  return floor !== undefined && floor.created === eventsCreated ? floor.sequence + 1 : 1;
}

/**
 * Makes a consumer this generation's: first the group is renamed, which ends a stale client for good, then the pin is taken
 * away from whoever holds it (unpinning alone may hand it back). Throws `BrokerError`.
 */
export async function takeOver(broker: Broker, spec: ConsumerSpec): Promise<ConsumerState> {
  const state = await broker.ensureConsumer(spec);
  if (spec.pinnedGroup !== undefined) await broker.unpin(spec.stream, spec.durable, spec.pinnedGroup);
  return state;
}
