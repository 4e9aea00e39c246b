import { sleep } from '../../src/clock.ts';
import { Engine } from '../../src/delivery/engine.ts';
import type { LaneListener, LaneMetrics } from '../../src/delivery/lane-services.ts';
import type { WebhookConfig } from '../../src/delivery/webhook-config.ts';
import { messageOf } from '../../src/errors.ts';
import { defaultStreamNames, parseDeliverySubject, recordHeaders } from '../../src/jetstream/subjects.ts';
import type { Logger } from '../../src/logger.ts';
import type { Ledger } from './ledger.ts';
import type { SeededRandom } from './seeded-random.ts';
import { SimulatedBroker, type NetworkFaults } from './simulated-broker.ts';
import type { SimulatedJetStream } from './simulated-jetstream.ts';
import type { SimulatedReceivers } from './simulated-receivers.ts';
import type { SimulatedProcess } from './virtual-clock.ts';

const acquireAgainMs = 1000;
const verifyIntervalMs = 500;
const releaseGraceMs = 5000;
/** Control applies what it knows again and again. */
const resyncMs = { from: 1000, to: 20_000 } as const;

/** A webhook's configuration as the API server has it; `config` undefined = deleted. */
export interface KnownConfig {
  readonly version: number;
  readonly config: WebhookConfig | undefined;
}

export interface SimulatedMemberOptions {
  readonly process: SimulatedProcess;
  readonly server: SimulatedJetStream;
  readonly receivers: SimulatedReceivers;
  readonly random: SeededRandom;
  readonly ledger: Ledger;
  readonly partitions: number;
  readonly faults: () => NetworkFaults;
  /** What the API server holds now. */
  readonly list: () => ReadonlyMap<string, KnownConfig>;
}

const noMetrics: LaneMetrics = {
  delivered: () => undefined,
  failed: () => undefined,
  skipped: () => undefined,
  lost: () => undefined,
  filterFailed: () => undefined,
  remove: () => undefined,
};

/** One replica: an engine on a process of its own, and what control does around it. */
export class SimulatedMember {
  readonly process: SimulatedProcess;
  readonly engine: Engine;
  readonly #options: SimulatedMemberOptions;
  readonly #wanted = new Set<number>();
  readonly #busy = new Set<number>();
  readonly #known = new Map<string, KnownConfig>();
  readonly #verifying = new Set<string>();

  constructor(options: SimulatedMemberOptions) {
    this.#options = options;
    this.process = options.process;
    const { process, server, receivers, random, ledger, partitions, faults } = options;
    const broker = new SimulatedBroker({
      server,
      process,
      random: random.fork(),
      faults,
      onFault: () => ledger.lostConfirmations.push(server.time.now),
      onArrival: (subject, { headers }) => {
        const target = parseDeliverySubject(subject);
        const eventID = headers?.[recordHeaders.eventID];
        if (target === undefined || eventID === undefined) return;
        const owner = ledger.claims.findLast(({ slot }) => slot === target.slot);
        if (owner?.member !== process.name) ledger.strays.add(`${target.uid}/${eventID}`);
      },
    });
    const ids = random.fork();
    this.engine = new Engine({
      broker,
      names: defaultStreamNames,
      partitions,
      shards: 1,
      member: process.name,
      sender: receivers.sender(process, (uid) => {
        const source = options.list().get(uid)?.config?.source ?? this.#known.get(uid)?.config?.source ?? '';
        return ledger.generationOf(process.name, this.engine.slotOf(source, uid));
      }),
      clock: process,
      random: random.fork().next,
      newID: () => Math.floor(ids.next() * 2 ** 48).toString(36),
      logger: loggerOf(ledger, process.name),
      listener: this.#listener(),
      laneMetrics: () => noMetrics,
      slotMetrics: { lag: () => undefined, lost: () => undefined, remove: () => undefined },
      // Small, so that lanes get in each other's way.
      maxInFlight: 24,
    });
    this.#verifyLater();
    this.#resyncLater();
  }

  #resyncLater(): void {
    const { random } = this.#options;
    this.process.setTimer(
      () => {
        for (const slot of this.engine.ownedSlots()) this.#showAll(slot);
        this.#resyncLater();
      },
      random.between(resyncMs.from, resyncMs.to),
    );
  }

  #listener(): LaneListener {
    const { ledger } = this.#options;
    return {
      transitioned: (uid, transitions) => {
        for (const transition of transitions) ledger.note(`${this.process.name} ${uid} ${transition.kind}`);
      },
      changed: () => undefined,
      deadLettered: () => undefined,
      lost: (uid, reason, count) => {
        ledger.note(`${this.process.name} ${uid} lost ${count}: ${reason}`);
        ledger.lost.set(uid, (ledger.lost.get(uid) ?? 0) + count);
      },
    };
  }

  /** Whether the slot is worked, and the process is able to. */
  works(slot: number): boolean {
    return this.process.isRunning && this.engine.owns(slot);
  }

  /** The slot is this member's from now on, until {@link handOver}. */
  want(slot: number): void {
    this.#wanted.add(slot);
    this.process.run(() => void this.#acquire(slot));
  }

  unwant(slot: number): void {
    this.#wanted.delete(slot);
  }

  async #acquire(slot: number): Promise<void> {
    if (!this.#wanted.has(slot) || this.#busy.has(slot) || this.engine.ownedSlots().includes(slot)) return;
    this.#busy.add(slot);
    const { ledger } = this.#options;
    let acquired = false;
    try {
      await this.engine.acquire(
        slot,
        () => this.#load(slot),
        () => {
          ledger.note(`${this.process.name} lost slot ${slot}`);
          if (acquired) this.#acquireLater(slot);
        },
      );
      acquired = true;
      ledger.note(`${this.process.name} works slot ${slot}`);
      this.#showAll(slot);
    } catch (error) {
      ledger.note(`${this.process.name} could not take slot ${slot}: ${messageOf(error)}`);
      this.#acquireLater(slot);
    } finally {
      this.#busy.delete(slot);
    }
  }

  #acquireLater(slot: number): void {
    this.process.setTimer(() => void this.#acquire(slot), acquireAgainMs);
  }

  /** A consistent LIST. */
  async #load(slot: number): Promise<readonly WebhookConfig[]> {
    const { random, list } = this.#options;
    await sleep(this.process, random.between(2, 50));
    const found: WebhookConfig[] = [];
    for (const [uid, known] of list()) {
      this.#remember(uid, known);
      const { config } = known;
      if (config !== undefined && this.engine.slotOf(config.source, uid) === slot) found.push(config);
    }
    await sleep(this.process, random.between(2, 50));
    return found;
  }

  #remember(uid: string, known: KnownConfig): boolean {
    const previous = this.#known.get(uid);
    if (previous !== undefined && previous.version >= known.version) return false;
    this.#known.set(uid, known);
    return true;
  }

  /** What changed while the slot was taken. */
  #showAll(slot: number): void {
    for (const [uid, { config }] of this.#known) {
      if (config === undefined) this.#show(uid);
      else if (this.engine.slotOf(config.source, uid) === slot) this.#show(uid);
    }
  }

  /** The watch brings a change. */
  learn(uid: string, known: KnownConfig): void {
    this.process.run(() => {
      if (this.#remember(uid, known)) this.#show(uid);
    });
  }

  #show(uid: string): void {
    const config = this.#known.get(uid)?.config;
    const done = config === undefined ? this.engine.remove(uid) : this.engine.upsert(config);
    done.catch((error: unknown) => {
      this.#options.ledger.note(`${this.process.name} could not apply ${uid}: ${messageOf(error)}`);
    });
  }

  /** Hands the slot over by will; resolves when that is done, or never when the process ends before. */
  handOver(slot: number): Promise<void> {
    this.#wanted.delete(slot);
    return new Promise((resolve) => {
      this.process.run(() => {
        void this.engine.release(slot, releaseGraceMs).then(resolve, resolve);
      });
    });
  }

  #verifyLater(): void {
    this.process.setTimer(() => {
      for (const lane of this.engine.lanes()) {
        const { target } = lane.config;
        if (target === undefined || lane.state.verification?.urlHash === target.urlHash) continue;
        if (!this.#verifying.has(lane.uid)) void this.#verify(lane.uid, target.urlHash);
      }
      this.#verifyLater();
    }, verifyIntervalMs);
  }

  async #verify(uid: string, urlHash: string): Promise<void> {
    this.#verifying.add(uid);
    try {
      await sleep(this.process, this.#options.random.between(10, 500));
      await this.engine.setVerified(uid, { urlHash, reason: 'NotRequired', at: this.process.now() });
    } catch (error) {
      this.#options.ledger.note(`${this.process.name} could not verify ${uid}: ${messageOf(error)}`);
    } finally {
      this.#verifying.delete(uid);
    }
  }
}

function loggerOf(ledger: Ledger, member: string): Logger {
  const write = (level: string, message: string, fields: object = {}): void => {
    const { error } = fields as { readonly error?: unknown };
    ledger.note(`${member} ${level}: ${message}${error === undefined ? '' : ` (${messageOf(error)})`}`);
  };
  const logger: Logger = {
    error: (message, fields) => write('error', message, fields),
    info: (message, fields) => write('info', message, fields),
    debug: (message, fields) => write('debug', message, fields),
    child: () => logger,
  };
  return logger;
}
