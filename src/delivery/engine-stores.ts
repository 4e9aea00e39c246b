import { BacklogStore } from '../jetstream/backlog-store.ts';
import type { Broker } from '../jetstream/broker.ts';
import { DeadLetterStore } from '../jetstream/dead-letter-store.ts';
import { RetryStore } from '../jetstream/retry-store.ts';
import { StateStore } from '../jetstream/state-store.ts';
import type { StreamNames } from '../jetstream/subjects.ts';

/** Everything that the engine keeps in JetStream besides EVENTS. */
export interface EngineStores {
  readonly retries: RetryStore;
  readonly backlog: BacklogStore;
  readonly deadLetters: DeadLetterStore;
  readonly state: StateStore;
}

export function engineStores(broker: Broker, names: StreamNames): EngineStores {
  return {
    retries: new RetryStore(broker, names),
    backlog: new BacklogStore(broker, names),
    deadLetters: new DeadLetterStore(broker, names),
    state: new StateStore(broker, names),
  };
}
