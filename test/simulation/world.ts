import type { WebhookConfig } from '../../src/delivery/webhook-config.ts';
import type { WebhookState } from '../../src/delivery/webhook-state.ts';
import { partitionOf } from '../../src/delivery/partition.ts';
import { defaultMaxAgeMs, defaultMaxBytes } from '../../src/jetstream/stream-table.ts';
import {
  defaultStreamNames as names,
  eventSubject,
  parseDeliverySubject,
  recordHeaders,
  parseStateSubject,
  stateStream,
} from '../../src/jetstream/subjects.ts';
import { orderedConsumerName } from '../../src/jetstream/slot-consumers.ts';
import type { OwnerClaim } from '../../src/jetstream/state-store.ts';
import { checkAcked } from './invariants-state.ts';
import { Ledger } from './ledger.ts';
import { targetOf, type Action, type Scenario } from './scenario.ts';
import { SeededRandom } from './seeded-random.ts';
import { noNetworkFaults } from './simulated-broker.ts';
import { SimulatedJetStream } from './simulated-jetstream.ts';
import { SimulatedMember, type KnownConfig } from './simulated-member.ts';
import { SimulatedReceivers } from './simulated-receivers.ts';
import type { SimulatedMessage } from './simulated-stream.ts';
import { SimulatedProcess, VirtualTime } from './virtual-clock.ts';

/** The longest that the watch of a member is behind. */
const watchDelayMs = 1500;
/** An owner that does not hand over for so long is taken for dead. */
const handOverPatienceMs = 30_000;

/** The members, the server, the receivers and the people of one run. */
export class World {
  readonly time = new VirtualTime();
  readonly scenario: Scenario;
  readonly ledger: Ledger;
  readonly server: SimulatedJetStream;
  readonly receivers: SimulatedReceivers;
  readonly configs = new Map<string, KnownConfig>();
  /** Whose turn each slot is. */
  readonly owners: SimulatedMember[] = [];
  readonly members: SimulatedMember[] = [];
  readonly #random: SeededRandom;
  #version = 0;
  #restarts = 0;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.#random = new SeededRandom(scenario.seed ^ 0x5f3759df);
    this.ledger = new Ledger(() => this.time.now);
    this.server = new SimulatedJetStream(this.time, this.#random.fork(), {
      names,
      replicas: 1,
      partitions: scenario.partitions,
      shards: 1,
      maxBytes: defaultMaxBytes,
      maxAgeMs: defaultMaxAgeMs,
    });
    this.server.onStored = (stream, message) => this.#stored(stream, message);
    this.server.onAcked = (stream, sequence, client) => {
      if (stream === names.events) checkAcked(this, sequence, client);
    };
    this.receivers = new SimulatedReceivers(this.time, this.#random.fork(), this.ledger, scenario.overruns);
    for (let index = 0; index < scenario.members; index++) this.#newMember(`m${index}`, scenario.skewMs[index] ?? 0);
    for (let slot = 0; slot < scenario.partitions; slot++) {
      const owner = this.#random.pick(this.members);
      this.owners[slot] = owner;
      owner.want(slot);
    }
    this.ledger.note(`scenario ${JSON.stringify({ ...scenario, actions: scenario.actions.length })}`);
    for (const { at, action } of scenario.actions) this.time.after(at, () => this.#act(action));
  }

  slotOf(config: Pick<WebhookConfig, 'source'>): number {
    return partitionOf(config.source, this.scenario.partitions);
  }

  #newMember(name: string, skewMs: number): SimulatedMember {
    const member = new SimulatedMember({
      process: new SimulatedProcess(name, this.time, skewMs),
      server: this.server,
      receivers: this.receivers,
      random: this.#random.fork(),
      ledger: this.ledger,
      partitions: this.scenario.partitions,
      faults: () => (this.time.now < this.scenario.quietFrom ? this.scenario.network : noNetworkFaults),
      list: () => this.configs,
    });
    this.members.push(member);
    for (const [uid, known] of this.configs) this.#tell(member, uid, known);
    return member;
  }

  /** What the server stored is the truth about claims and states. */
  #stored(stream: string, message: SimulatedMessage): void {
    const { ledger, time } = this;
    if (stream === names.events) {
      const [, , source = '', ...type] = message.subject.split('.');
      const id = message.headers['Nats-Msg-Id'] ?? '';
      ledger.events.push({ id, sequence: message.sequence, source, type: type.join('.'), at: time.now });
      return;
    }
    const id = message.headers['Webhook-Operator-Event-Id'];
    if (id !== undefined) {
      const attempt = message.headers['Webhook-Operator-Attempt'];
      ledger.note(`${stream} ${message.sequence} ${message.subject} ${id} attempt ${attempt}`);
      this.#checkEpoch(message, id);
      ledger.written.add(`${parseDeliverySubject(message.subject)?.uid}/${id}`);
      if (stream === names.deadLetters) ledger.deadLettered.add(`${message.subject.split('.')[2]}/${id}`);
    }
    if (stream !== stateStream(names)) return;
    const parsed = parseStateSubject(names, message.subject);
    if (parsed === undefined || parsed.key === 'floor') return;
    const value: unknown = JSON.parse(Buffer.from(message.data).toString());
    if (parsed.key === 'owner') {
      const claim = value as OwnerClaim;
      ledger.claims.push({ at: time.now, slot: parsed.slot, ...claim });
      ledger.note(`claim ${parsed.slot} g${claim.generation} ${claim.member}${claim.released ? ' released' : ''}`);
    } else {
      const state = value as WebhookState;
      ledger.states.push({ at: time.now, uid: parsed.key, state });
      ledger.note(
        `STATE ${parsed.key} epoch ${state.epoch} streak ${state.streak} verdict ${state.verdict?.reason ?? '-'} ` +
          `verified ${state.verification?.urlHash.slice(-1) ?? '-'} owed ${state.owed?.sequence ?? '-'} ordered ${JSON.stringify(state.ordered ?? null)}`,
      );
    }
  }

  /** A transition is stored before anything is written because of it. */
  #checkEpoch({ subject, headers }: SimulatedMessage, eventID: string): void {
    const uid = parseDeliverySubject(subject)?.uid;
    const epoch = Number(headers[recordHeaders.epoch] ?? 0);
    const stored = this.ledger.states.findLast((write) => write.uid === uid)?.state.epoch;
    if (stored !== undefined && epoch > stored) {
      this.ledger.violated(`${eventID} is written to ${subject} in epoch ${epoch}, and STATE is at ${stored}`);
    }
  }

  #act(action: Action): void {
    if (action.kind !== 'Publish') this.ledger.note(`action ${JSON.stringify(action)}`);
    switch (action.kind) {
      case 'Publish':
        this.#publish(action);
        return;
      case 'Receiver':
        this.receivers.setMode(action.uid, action.mode);
        return;
      case 'HandOver':
        void this.#handOver(action.slot);
        return;
      case 'TakeOver':
        this.#replaceOwner(action.slot);
        return;
      case 'Crash':
        this.#crash(action.slot, action.restartMs);
        return;
      case 'Stall':
        this.#stall(action);
        return;
      case 'Stick':
        this.#stick(action);
        return;
      case 'Outage':
        this.#outage(action.forMs);
        return;
      case 'DeleteConsumer':
        // It is made anew from the stored floor: what came after that is handed out again.
        this.ledger.outages.push({ from: this.time.now, to: this.time.now });
        if (this.server.listConsumers(names.events).includes(`events-${action.slot}`)) {
          this.server.deleteConsumer(names.events, `events-${action.slot}`);
        }
        return;
      default:
        this.change(action.kind, action.uid);
    }
  }

  /** A producer tries until it has a confirmation. */
  #publish(action: Action & { readonly kind: 'Publish' }): void {
    if (!this.server.available) {
      this.time.after(500, () => this.#publish(action));
      return;
    }
    const data = Buffer.from(`{"id":"${action.id}"}`);
    const ack = this.server.publish(eventSubject(action.source, action.type), data, { messageID: action.id });
    this.ledger.note(`event ${action.id} ${action.source} ${action.type} sequence ${ack.sequence}`);
  }

  /** What a person does to a webhook. */
  change(kind: string, uid: string): void {
    const initial = this.scenario.webhooks.find((webhook) => webhook.uid === uid);
    const current = this.configs.get(uid)?.config;
    if (kind === 'Create') {
      if (initial !== undefined && !this.configs.has(uid)) this.#setConfig(uid, initial);
      return;
    }
    if (current === undefined) return;
    const next = { ...current, generation: current.generation + 1 };
    const { hold: _hold, ...withoutHold } = next;
    switch (kind) {
      case 'Suspend':
        this.#setConfig(uid, { ...next, suspend: true, hold: 'Suspended' });
        return;
      case 'Resume':
        this.#setConfig(uid, { ...withoutHold, suspend: false });
        return;
      case 'Annotate':
        this.#setConfig(uid, { ...current, reactivateAnnotation: `a${this.#version}` });
        return;
      case 'MoveURL':
        this.#setConfig(uid, { ...next, target: targetOf(uid, next.generation) });
        return;
      case 'ChangePatterns':
        this.#setConfig(uid, { ...next, patterns: current.patterns.length > 1 ? ['item.>'] : ['item.>', 'order.>'] });
        return;
      case 'ShortenSchedule': {
        const { delivery } = current;
        const scheduleMs = delivery.retry.scheduleMs.slice(0, 1);
        this.#setConfig(uid, { ...next, delivery: { ...delivery, retry: { ...delivery.retry, scheduleMs } } });
        return;
      }
      case 'Delete':
        this.#setConfig(uid, undefined);
    }
  }

  #setConfig(uid: string, config: WebhookConfig | undefined): void {
    const known: KnownConfig = { version: ++this.#version, config };
    this.configs.set(uid, known);
    this.ledger.configs.push({ at: this.time.now, uid, ...known });
    for (const member of this.members) this.#tell(member, uid, known);
  }

  #tell(member: SimulatedMember, uid: string, known: KnownConfig): void {
    this.time.after(this.#random.between(1, watchDelayMs), () => member.learn(uid, known));
  }

  // --- owners ---

  #other(owner: SimulatedMember | undefined): SimulatedMember | undefined {
    const others = this.members.filter((member) => member !== owner && member.process.isRunning);
    return others.length === 0 ? undefined : this.#random.pick(others);
  }

  async #handOver(slot: number): Promise<void> {
    const owner = this.owners[slot];
    const next = this.#other(owner);
    if (owner === undefined || next === undefined || !owner.process.isRunning) return;
    this.owners[slot] = next;
    await Promise.race([owner.handOver(slot), this.time.sleep(handOverPatienceMs)]);
    this.ledger.note(`${owner.process.name} handed slot ${slot} over`);
    if (this.owners[slot] !== next) return;
    if (next.process.isCrashed) this.#replaceOwner(slot);
    else next.want(slot);
  }

  /** Another member takes the slot; the present owner finds out by its claim. */
  #replaceOwner(slot: number): void {
    const owner = this.owners[slot];
    const next = this.#other(owner);
    if (owner === undefined || next === undefined) return;
    owner.unwant(slot);
    this.owners[slot] = next;
    next.want(slot);
  }

  #crash(slot: number, restartMs: number): void {
    const owner = this.owners[slot];
    if (owner === undefined || owner.process.isCrashed) return;
    const { name, skewMs } = owner.process;
    owner.process.crash();
    const interval = { from: this.time.now, to: Number.POSITIVE_INFINITY };
    this.ledger.silences.push({ member: name, interval, crashed: true });
    const slots = this.owners.flatMap((member, index) => (member === owner ? [index] : []));
    this.time.after(restartMs, () => {
      // A container comes back under the name of its pod, a pod under another.
      const member = this.#newMember(this.#random.chance(0.5) ? name : `r${this.#restarts++}`, skewMs);
      for (const lost of slots) {
        if (this.owners[lost] !== owner) continue;
        const successor = this.#random.chance(0.5) ? member : (this.#other(owner) ?? member);
        this.owners[lost] = successor;
        successor.want(lost);
      }
    });
  }

  #stall(action: Action & { readonly kind: 'Stall' }): void {
    const owner = this.owners[action.slot];
    if (owner === undefined || !owner.process.isRunning) return;
    owner.process.stall();
    const interval = { from: this.time.now, to: this.time.now + action.forMs };
    this.ledger.silences.push({ member: owner.process.name, interval, crashed: false });
    // The others notice when its Lease runs out.
    this.time.after(action.noticeMs, () => {
      if (!owner.process.isStalled) return;
      for (const [slot, member] of this.owners.entries()) if (member === owner) this.#replaceOwner(slot);
    });
    this.time.after(action.forMs, () => {
      owner.process.resume();
      this.ledger.note(`${owner.process.name} goes on`);
      this.server.pump();
    });
  }

  #stick(action: Action & { readonly kind: 'Stick' }): void {
    const owner = this.owners[action.slot];
    if (owner === undefined || !owner.process.isRunning) return;
    owner.process.stick(action.forMs);
    this.ledger.outages.push({ from: this.time.now, to: this.time.now + action.forMs });
    if (action.noticeMs > action.forMs) return;
    this.time.after(action.noticeMs, () => {
      for (const [slot, member] of this.owners.entries()) if (member === owner) this.#replaceOwner(slot);
    });
  }

  #outage(forMs: number): void {
    if (!this.server.available) return;
    this.server.setAvailable(false);
    const interval = { from: this.time.now, to: this.time.now + forMs };
    this.ledger.outages.push(interval);
    this.time.after(forMs, () => {
      this.ledger.note('NATS is back');
      this.server.setAvailable(true);
    });
  }

  /** Removes what is stored of deleted webhooks. */
  sweep(): void {
    for (const [uid, { config }] of this.configs) {
      if (config !== undefined) continue;
      this.server.purge(names.retries, `retry.*.*.${uid}.>`);
      this.server.purge(names.retries, `retry.due.*.${uid}`);
      this.server.purge(names.backlog, `backlog.*.${uid}`);
      this.server.purge(names.deadLetters, `dead.*.${uid}`);
      this.server.purge(stateStream(names), `$KV.${names.stateBucket}.*.${uid}`);
      if (this.server.listConsumers(names.events).includes(orderedConsumerName(uid))) {
        this.server.deleteConsumer(names.events, orderedConsumerName(uid));
      }
    }
  }
}
