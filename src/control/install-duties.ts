import type { Clock, Timer } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { StreamState } from '../jetstream/broker.ts';
import type { Logger } from '../logger.ts';
import type { Sweeper } from './sweeper.ts';

const streamsIntervalMs = 15_000;

export interface InstallDutiesOptions {
  /** Makes streams that vanished anew; checks them when they are another's. */
  readonly ensureStreams: () => Promise<void>;
  /** The streams of the install, as they are now. */
  readonly streams: () => Promise<readonly StreamState[]>;
  readonly onStream: (stream: StreamState) => void;
  readonly sweeper: Pick<Sweeper, 'run'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What there is one of in an install: done by the owner of slot 0, for as long as it is that. */
export class InstallDuties {
  readonly #options: InstallDutiesOptions;
  #running: AbortController | undefined;
  #timer: Timer | undefined;

  constructor(options: InstallDutiesOptions) {
    this.#options = options;
  }

  get isOurs(): boolean {
    return this.#running !== undefined;
  }

  /** Takes the duties up or lays them down; nothing happens when that is so already. */
  set(isOurs: boolean): void {
    if (isOurs === this.isOurs) return;
    if (isOurs) {
      this.#running = new AbortController();
      void this.#options.sweeper.run(this.#running.signal);
      void this.#look(this.#running.signal);
    } else {
      this.#running?.abort();
      this.#running = undefined;
      this.#options.clock.clearTimer(this.#timer);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { ensureStreams, streams, onStream, clock, logger } = this.#options;
    try {
      await ensureStreams();
      for (const stream of await streams()) onStream(stream);
    } catch (error) {
      if (!signal.aborted) logger.error('Streams could not be looked after', { reason: messageOf(error), error });
    }
    if (!signal.aborted) this.#timer = clock.setTimer(() => void this.#look(signal), streamsIntervalMs);
  }
}
