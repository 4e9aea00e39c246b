import { sleep, type Clock } from '../clock.ts';
import { BrokerError } from '../jetstream/broker.ts';
import type { Logger } from '../logger.ts';
import type { SlotClaim } from './slot-claim.ts';

/** Refusals that mean something to the caller: repeating them unchanged would not help. */
const meaningful = new Set<BrokerError['kind']>(['SubjectFull', 'WrongLastSequence']);
const maxDelayMs = 5000;
/** At most one error is logged in this time, per slot. */
const reportIntervalMs = 10_000;

/** Told while a stream refuses everything, so that pulling stops until it takes writes again. */
export interface StreamPressure {
  refused(): void;
  accepted(): void;
}

/**
 * Repeats one write until the server confirms it: what follows a delivery must be stored before its event is acked, and a
 * result that is known is never thrown away. Begins no try without the slot's claim.
 */
export class ConfirmedWrites {
  readonly #clock: Clock;
  readonly #claim: SlotClaim;
  readonly #logger: Logger;
  readonly #pressure: StreamPressure;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: { clock: Clock; claim: SlotClaim; logger: Logger; pressure: StreamPressure }) {
    this.#clock = options.clock;
    this.#claim = options.claim;
    this.#logger = options.logger;
    this.#pressure = options.pressure;
  }

  /**
   * Throws `ClaimLostError` when the slot has another owner, and `BrokerError` of kind `SubjectFull` or `WrongLastSequence`
   * at once; everything else is tried again.
   */
  async run<T>(what: string, write: () => Promise<T>): Promise<T> {
    let refused = false;
    for (let tries = 1; ; tries++) {
      if (!this.#claim.isHeld()) await this.#claim.held();
      try {
        const result = await write();
        if (refused) this.#pressure.accepted();
        return result;
      } catch (error) {
        const kind = error instanceof BrokerError ? error.kind : undefined;
        if (kind === undefined || meaningful.has(kind)) {
          if (refused) this.#pressure.accepted();
          throw error;
        }
        if (kind !== 'Unavailable' && !refused) {
          refused = true;
          this.#pressure.refused();
        }
        this.#report(what, tries, error);
      }
      await sleep(this.#clock, Math.min(maxDelayMs, 100 * 2 ** Math.min(tries, 6)));
    }
  }

  // While NATS is away every delivery in hand fails here: one line tells it.
  #report(what: string, tries: number, error: unknown): void {
    const now = this.#clock.monotonic();
    const fields = { what, tries, error };
    if (now - this.#reportedAt < reportIntervalMs) {
      this.#logger.debug('Could not store the result of a delivery; trying again', fields);
      return;
    }
    this.#reportedAt = now;
    this.#logger.error('Could not store the results of deliveries; trying again until they are stored', fields);
  }
}
