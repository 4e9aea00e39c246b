import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { NatsBroker } from '../../src/jetstream/nats-broker.ts';
import { defaultStreamNames, parseStateSubject } from '../../src/jetstream/subjects.ts';
import type { Books } from './books.ts';
import { claims, heldDeliveries, unackedRanges, type Claim, type PlacedDelivery } from './stream-contents.ts';
import type { UnackedRange } from './audit.ts';
import type { OnEnd, Stand } from './stand.ts';

/** A new owner works 5 s after it took the slot: what it may repeat is there until then. */
const takeoverMomentsMs = [0, 1500, 3000, 4500];
/** The last POST of an owner that was stalled may leave it when it wakes up, long after it lost its slots. */
const lateMs = 40_000;
const patienceMs = 60_000;

/**
 * Follows who owns the slots, and notes for every takeover what its owner may repeat, whatever the cause was. A slot that was
 * handed over by will is no takeover: nothing of it may come twice.
 */
export class ExposureRecorder {
  readonly #broker: NatsBroker;
  readonly #books: Books;
  readonly #claims = new Map<number, Claim>();
  readonly #work = new Set<Promise<void>>();
  takeovers = 0;

  constructor(options: { readonly broker: NatsBroker; readonly books: Books }) {
    this.#broker = options.broker;
    this.#books = options.books;
  }

  /** A claim is seen when it is written. */
  async follow(connection: NatsConnection): Promise<void> {
    const names = defaultStreamNames;
    connection.subscribe(`$KV.${names.stateBucket}.*.owner`, {
      callback: (_, message) => {
        const slot = parseStateSubject(names, message.subject)?.slot;
        if (slot !== undefined && message.data.length > 0) this.#see({ ...message.json<Claim>(), slot });
      },
    });
    for (const claim of await claims(this.#broker)) this.#claims.set(claim.slot, claim);
  }

  ownedBy(member: string): number[] {
    return [...this.#claims.values()].filter((claim) => claim.member === member).map(({ slot }) => slot);
  }

  /** Looks for takeovers that were not seen while the connection was away. */
  async catchUp(): Promise<void> {
    for (const claim of await this.#patiently(() => claims(this.#broker))) this.#see(claim);
  }

  #see(claim: Claim): void {
    const previous = this.#claims.get(claim.slot);
    if (previous !== undefined && claim.generation < previous.generation) return;
    this.#claims.set(claim.slot, claim);
    if (previous === undefined || claim.generation === previous.generation) return;
    if (previous.released === true && previous.unsettled !== true) return;
    this.takeovers += 1;
    const name = `slot ${claim.slot} taken from ${previous.member} by ${claim.member}`;
    this.record(name, [claim.slot], { momentsMs: takeoverMomentsMs });
  }

  /**
   * Notes what lies in these slots, now or at several moments, as what a fault may repeat once.
   * @param from `Date.now()` of the fault; defaults to now
   */
  record(
    name: string,
    slots: readonly number[] | 'All',
    options: { readonly from?: number; readonly momentsMs?: readonly number[] } = {},
  ): void {
    const { from = Date.now(), momentsMs = [0] } = options;
    const work = this.#record({ name, from, slots, momentsMs }).finally(() => this.#work.delete(work));
    this.#work.add(work);
  }

  async #record(options: {
    readonly name: string;
    readonly from: number;
    readonly slots: readonly number[] | 'All';
    readonly momentsMs: readonly number[];
  }): Promise<void> {
    const { name, from, slots, momentsMs } = options;
    const isIn = (slot: number): boolean => slots === 'All' || slots.includes(slot);
    const startedAt = performance.now();
    const held: PlacedDelivery[] = [];
    const ranges: UnackedRange[] = [];
    for (const moment of momentsMs) {
      await delay(Math.max(0, startedAt + moment - performance.now()));
      const unacked = await this.#patiently(() => unackedRanges(this.#broker));
      const waiting = await this.#patiently(() => heldDeliveries(this.#broker));
      ranges.push(...unacked.filter(({ partition }) => isIn(partition)));
      held.push(...waiting.filter(({ slot }) => isIn(slot)));
    }
    this.#books.faults.push({ name, from, until: Date.now() + lateMs, held, unacked: joined(ranges) });
  }

  /** Without a server nobody can take a slot over: it can wait until there is one. */
  async #patiently<T>(look: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      try {
        return await look();
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await delay(200);
      }
    }
  }

  /** Resolves when everything is noted. */
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }
}

/** Follows the claims until the end. Call it once the slots have found their owners. */
export async function watchExposures(stand: Stand, onEnd: OnEnd): Promise<ExposureRecorder> {
  const servers = stand.natsServers.map(({ url }) => url);
  const connection = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 50, reconnectJitter: 10 });
  onEnd(() => connection.close());
  const recorder = new ExposureRecorder(stand);
  await recorder.follow(connection);
  return recorder;
}

/** One range a partition: what was not acknowledged at any of the moments. */
function joined(ranges: readonly UnackedRange[]): UnackedRange[] {
  const byPartition = new Map<number, UnackedRange>();
  for (const range of ranges) {
    if (range.count === 0) continue;
    const known = byPartition.get(range.partition) ?? range;
    const after = Math.min(known.after, range.after);
    const through = Math.max(known.through, range.through);
    const count = known === range ? range.count : Math.min(through - after, known.count + range.count);
    byPartition.set(range.partition, { partition: range.partition, after, through, count });
  }
  return [...byPartition.values()];
}
