import { OperatorError } from '../errors.ts';
import { BrokerError, type Broker, type StoredMessage } from './broker.ts';
import {
  parseStateSubject,
  reservedStateKeys,
  stateSlotFilter,
  stateStream,
  stateSubject,
  type StreamNames,
} from './subjects.ts';

/** A value of STATE with the revision that the next write must name. */
export interface Versioned<T> {
  readonly value: T;
  readonly revision: number;
}

/** Who works a slot. A new owner raises the generation: the claim is the fence. */
export interface OwnerClaim {
  readonly generation: number;
  /** The member's name. */
  readonly member: string;
  /** True once the owner gave the slot up by will: its successor need not wait. */
  readonly released: boolean;
  /** True when it still had attempts under way then: its successor waits as if it had not been told. Absent = false. */
  readonly unsettled?: boolean;
}

/** Up to where a slot has settled EVENTS: from here its consumer is made anew. */
export interface SlotFloor {
  /** Creation time of EVENTS as the server gives it: in a stream made anew the sequence means nothing. */
  readonly created: string;
  /** Every event of the slot with this sequence or below is settled. */
  readonly sequence: number;
}

/** A value in STATE is not what the operator writes. */
export class StateCorruptError extends OperatorError {
  readonly code = 'WHO_STATE_CORRUPT';
}

/** Reads in flight while a slot is listed. */
const listConcurrency = 64;

/**
 * The last value per key, JSON, written by compare-and-set only and always read from the leader. Knows nothing of what a
 * webhook's value means. Every method throws `BrokerError`; a refused write is its kind `WrongLastSequence`.
 */
export class StateStore {
  readonly #broker: Broker;
  readonly #names: StreamNames;

  constructor(broker: Broker, names: StreamNames) {
    this.#broker = broker;
    this.#names = names;
  }

  /** Undefined when the webhook has no state. Throws {@link StateCorruptError} when the value is not JSON. */
  async get(slot: number, uid: string): Promise<Versioned<unknown> | undefined> {
    const message = await this.#last(slot, uid);
    return message === undefined || isTombstone(message) ? undefined : parse(message);
  }

  /**
   * @param revision what the value was read with; 0 = there is none yet.
   * @returns the new revision.
   */
  async put(slot: number, uid: string, value: unknown, revision: number): Promise<number> {
    const subject = stateSubject(this.#names, slot, uid);
    const data = Buffer.from(JSON.stringify(value));
    try {
      const ack = await this.#broker.publish(subject, data, { expectedLastSubjectSequence: revision });
      return ack.sequence;
    } catch (error) {
      if (revision !== 0 || !(error instanceof BrokerError) || error.kind !== 'WrongLastSequence') throw error;
      // A key deleted with the tools of KV leaves a marker behind: nothing to us, but it has a sequence.
      const marker = await this.#broker.getLast(stateStream(this.#names), subject);
      if (marker === undefined || !isTombstone(marker)) throw error;
      const ack = await this.#broker.publish(subject, data, { expectedLastSubjectSequence: marker.sequence });
      return ack.sequence;
    }
  }

  /** The values of all webhooks of a slot, by uid. One that is not JSON is left out and named in `corrupt`. */
  async list(slot: number): Promise<{ values: Map<string, Versioned<unknown>>; corrupt: string[] }> {
    const state = await this.#broker.streamState(stateStream(this.#names), stateSlotFilter(this.#names, slot));
    const uids = Object.keys(state.subjects ?? {})
      .map((subject) => parseStateSubject(this.#names, subject)?.key)
      .filter((key) => key !== undefined && key !== reservedStateKeys.owner && key !== reservedStateKeys.floor);
    const values = new Map<string, Versioned<unknown>>();
    const corrupt: string[] = [];
    const queue = uids.values();
    const readAll = async (): Promise<void> => {
      for (const uid of queue) {
        if (uid === undefined) continue;
        try {
          const value = await this.get(slot, uid);
          if (value !== undefined) values.set(uid, value);
        } catch (error) {
          if (!(error instanceof StateCorruptError)) throw error;
          corrupt.push(uid);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(listConcurrency, uids.length) }, readAll));
    return { values, corrupt };
  }

  /** Removes the value that was read with `revision`, and never a newer one. */
  async delete(slot: number, uid: string, revision: number): Promise<void> {
    await this.#broker.purge(stateStream(this.#names), stateSubject(this.#names, slot, uid), revision + 1);
  }

  /** Removes whatever is stored of a webhook that is known to be gone, also what is not readable. */
  async purgeWebhook(slot: number, uid: string): Promise<void> {
    await this.#broker.purge(stateStream(this.#names), stateSubject(this.#names, slot, uid));
  }

  /** The owner's claim on a slot; undefined when nobody ever had it. */
  async readClaim(slot: number): Promise<Versioned<OwnerClaim> | undefined> {
    const found = await this.get(slot, reservedStateKeys.owner);
    if (found === undefined) return undefined;
    const { value, revision } = found;
    if (!isObject(value) || !isCount(value.generation) || typeof value.member !== 'string') {
      throw new StateCorruptError(`The claim on slot ${slot} is not one that the operator wrote`);
    }
    const released = value.released === true;
    const unsettled = value.unsettled === true;
    return { value: { generation: value.generation, member: value.member, released, unsettled }, revision };
  }

  /** Writes a claim over the one that was read with `revision`. @returns the new revision. */
  writeClaim(slot: number, claim: OwnerClaim, revision: number): Promise<number> {
    return this.put(slot, reservedStateKeys.owner, claim, revision);
  }

  async readFloor(slot: number): Promise<Versioned<SlotFloor> | undefined> {
    const found = await this.get(slot, reservedStateKeys.floor);
    if (found === undefined) return undefined;
    const { value, revision } = found;
    if (!isObject(value) || typeof value.created !== 'string' || !isCount(value.sequence)) {
      throw new StateCorruptError(`The floor of slot ${slot} is not one that the operator wrote`);
    }
    return { value: { created: value.created, sequence: value.sequence }, revision };
  }

  writeFloor(slot: number, floor: SlotFloor, revision: number): Promise<number> {
    return this.put(slot, reservedStateKeys.floor, floor, revision);
  }

  #last(slot: number, key: string): Promise<StoredMessage | undefined> {
    return this.#broker.getLast(stateStream(this.#names), stateSubject(this.#names, slot, key));
  }
}

function isTombstone(message: StoredMessage): boolean {
  return message.header('KV-Operation') !== '';
}

function parse(message: StoredMessage): Versioned<unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(message.data).toString('utf8'));
    return { value, revision: message.sequence };
  } catch (error) {
    throw new StateCorruptError(`The value of ${message.subject} in STATE is not JSON`, { cause: error });
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
