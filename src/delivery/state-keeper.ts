import { BrokerError } from '../jetstream/broker.ts';
import type { StateStore, Versioned } from '../jetstream/state-store.ts';
import type { ConfirmedWrites } from './confirmed-write.ts';
import type { WebhookState } from './webhook-state.ts';

/**
 * One webhook's record in STATE: its current value in memory and the writes that bring it to the server, one at a time, each
 * a compare-and-set. Whoever must not go on before a transition is stored awaits {@link persist}.
 */
export class StateKeeper {
  readonly #store: StateStore;
  readonly #writes: ConfirmedWrites;
  readonly #slot: number;
  readonly #uid: string;
  #state: WebhookState;
  #revision: number;
  /** Counts changes; a write confirms all changes up to the version that it began with. */
  #version = 0;
  #storedVersion = 0;
  /** What the server has; undefined before the first write. */
  #stored: WebhookState | undefined;
  /** What is on its way there, or is there without a confirmation. */
  #unconfirmed: WebhookState | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: {
    store: StateStore;
    writes: ConfirmedWrites;
    slot: number;
    uid: string;
    state: WebhookState;
    /** Revision that `state` was read with; 0 = it is not stored yet. */
    revision: number;
  }) {
    this.#store = options.store;
    this.#writes = options.writes;
    this.#slot = options.slot;
    this.#uid = options.uid;
    this.#state = options.state;
    this.#revision = options.revision;
    if (options.revision !== 0) this.#stored = options.state;
    if (options.revision === 0) this.#version = 1;
  }

  get state(): WebhookState {
    return this.#state;
  }

  get isDirty(): boolean {
    return this.#storedVersion < this.#version;
  }

  /** Whether the epoch in memory is the stored one: what was written in an epoch must not outlive the epoch itself. */
  get epochIsStored(): boolean {
    return this.#stored?.epoch === this.#state.epoch;
  }

  /** Whether the server may hold failures in a row: a success must end them there before it is acked. */
  get mayHoldStreak(): boolean {
    return hasStreak(this.#stored) || hasStreak(this.#unconfirmed);
  }

  /** Replaces the value in memory. */
  set(state: WebhookState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#version++;
  }

  /** Resolves when everything set so far is stored. Throws `ClaimLostError` when the slot has another owner. */
  async persist(): Promise<void> {
    const wanted = this.#version;
    while (this.#storedVersion < wanted) {
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
  }

  async #write(): Promise<void> {
    const version = this.#version;
    const state = this.#state;
    this.#unconfirmed = state;
    await this.#writes.run('state', async () => {
      try {
        this.#revision = await this.#store.put(this.#slot, this.#uid, state, this.#revision);
      } catch (error) {
        if (!(error instanceof BrokerError) || error.kind !== 'WrongLastSequence') throw error;
        await this.#reread(error);
      }
    });
    this.#storedVersion = version;
    this.#stored = state;
    this.#unconfirmed = undefined;
  }

  // Refused: either an earlier write of ours was stored and its confirmation lost, or another owner rewrote the key. The
  // claim, which every try checks first, tells the two apart; here only the revision is fetched for the next try.
  async #reread(cause: BrokerError): Promise<never> {
    const found = await this.#store.get(this.#slot, this.#uid);
    this.#revision = found?.revision ?? 0;
    throw new BrokerError('Unavailable', 'A write to STATE was refused; the revision was read again', { cause });
  }

  /** Removes the record for good; the webhook is gone. */
  async delete(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    this.#storedVersion = this.#version;
    if (this.#revision > 0) await this.#store.delete(this.#slot, this.#uid, this.#revision);
  }
}

function hasStreak(state: WebhookState | undefined): boolean {
  return state !== undefined && (state.streak > 0 || state.exhausted > 0);
}

/** Reads a value of STATE as the state of a webhook; undefined when it is none that the operator wrote. */
export function parseWebhookState(found: Versioned<unknown>): Versioned<WebhookState> | undefined {
  const { value, revision } = found;
  if (typeof value !== 'object' || value === null) return undefined;
  const candidate = value as Partial<WebhookState>;
  const valid =
    typeof candidate.namespace === 'string' &&
    typeof candidate.name === 'string' &&
    Number.isSafeInteger(candidate.epoch) &&
    Number.isSafeInteger(candidate.streak) &&
    Number.isSafeInteger(candidate.exhausted) &&
    Number.isSafeInteger(candidate.lost) &&
    typeof candidate.handled === 'object' &&
    candidate.handled !== null;
  return valid ? { value: candidate as WebhookState, revision } : undefined;
}
