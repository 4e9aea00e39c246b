import type { EngineStores } from '../delivery/engine-stores.ts';
import { parseWebhookState } from '../delivery/state-keeper.ts';
import { BrokerError, type Broker } from '../jetstream/broker.ts';
import { orderedConsumerName } from '../jetstream/slot-consumers.ts';
import type { StreamNames } from '../jetstream/subjects.ts';
import type { FoundWebhook } from './sweep-decision.ts';

export interface StoredWebhooksOptions {
  readonly broker: Pick<Broker, 'listConsumers' | 'deleteConsumer'>;
  readonly names: StreamNames;
  readonly stores: EngineStores;
  readonly slotCount: number;
}

const orderedPrefix = orderedConsumerName('');

/** What the streams hold of Webhooks, whoever owns their slots. Methods throw `BrokerError`. */
export class StoredWebhooks {
  readonly #options: StoredWebhooksOptions;

  constructor(options: StoredWebhooksOptions) {
    this.#options = options;
  }

  /** Every uid that anything is stored of. A slot at a time, so that its subjects are not all in memory at once. */
  async enumerate(): Promise<Map<string, FoundWebhook>> {
    const { broker, names, stores, slotCount } = this.#options;
    const found = new Map<string, { namespace: string | undefined; slots: Set<number> }>();
    const note = (uid: string, slot?: number): { namespace: string | undefined } => {
      const entry = found.get(uid) ?? { namespace: undefined, slots: new Set() };
      found.set(uid, entry);
      if (slot !== undefined) entry.slots.add(slot);
      return entry;
    };
    for (let slot = 0; slot < slotCount; slot += 1) {
      const { values, corrupt } = await stores.state.list(slot);
      for (const [uid, value] of values) {
        const entry = note(uid, slot);
        entry.namespace = parseWebhookState(value)?.value.namespace ?? entry.namespace;
      }
      for (const uid of corrupt) note(uid, slot);
      for (const uid of (await stores.retries.countWaiting(slot)).keys()) note(uid, slot);
      for (const uid of (await stores.backlog.nonEmpty(slot)).keys()) note(uid, slot);
      for (const uid of (await stores.deadLetters.nonEmpty(slot)).keys()) note(uid, slot);
    }
    for (const consumer of await broker.listConsumers(names.events)) {
      if (consumer.startsWith(orderedPrefix)) note(consumer.slice(orderedPrefix.length));
    }
    return found;
  }

  /** Removes everything of a uid. STATE goes last: whatever is left by a failure before is found again with its namespace. */
  async remove(uid: string, { slots }: FoundWebhook): Promise<void> {
    const { broker, names, stores } = this.#options;
    try {
      await broker.deleteConsumer(names.events, orderedConsumerName(uid));
    } catch (error) {
      if (!(error instanceof BrokerError) || error.kind !== 'ConsumerNotFound') throw error;
    }
    for (const slot of slots) {
      await stores.retries.purgeWebhook(slot, uid);
      await stores.backlog.purgeWebhook(slot, uid);
      await stores.deadLetters.purgeWebhook(slot, uid);
      await stores.state.purgeWebhook(slot, uid);
    }
  }
}
