import { BrokerError, type PublishOptions, type StoredMessage } from '../../src/jetstream/broker.ts';
import type { ManagedStreamConfig } from '../../src/jetstream/stream-table.ts';
import { fnv1a32 } from '../../src/delivery/partition.ts';
import { epochStart } from './virtual-clock.ts';

/** A message as the simulated server keeps it. */
export interface SimulatedMessage {
  readonly subject: string;
  readonly sequence: number;
  /** Milliseconds of the run. */
  readonly storedAt: number;
  readonly data: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  removedAt: number | undefined;
}

/** How long a follower may lag: for so long removed messages can still be seen by a lagging read. */
const followerMemoryMs = 2000;

/** The store of one stream: order, limits, ids, and what a lagging follower still shows. Knows nothing of consumers. */
export class SimulatedStream {
  readonly config: ManagedStreamConfig;
  readonly created: string;
  readonly messages = new Map<number, SimulatedMessage>();
  lastSequence = 0;
  readonly #bySubject = new Map<string, Set<number>>();
  readonly #ids = new Map<string, { readonly at: number; readonly sequence: number }>();
  #removed: SimulatedMessage[] = [];

  constructor(config: ManagedStreamConfig, now: number) {
    this.config = config;
    this.created = new Date(epochStart + now).toISOString();
  }

  get firstSequence(): number {
    for (const sequence of this.messages.keys()) return sequence;
    return this.lastSequence + 1;
  }

  accepts(subject: string): boolean {
    return this.config.subjects.some((pattern) => subjectMatches(pattern, subject));
  }

  /** Throws `BrokerError` where the server refuses. */
  append(
    subject: string,
    data: Uint8Array,
    options: PublishOptions,
    now: number,
  ): { readonly message: SimulatedMessage | undefined; readonly sequence: number } {
    const { messageID, expectedLastSubjectSequence } = options;
    if (messageID !== undefined) {
      const known = this.#ids.get(messageID);
      if (known !== undefined && now - known.at < this.config.duplicate_window / 1e6) {
        return { message: undefined, sequence: known.sequence };
      }
    }
    const stored = this.#transform(subject);
    if (expectedLastSubjectSequence !== undefined && this.lastOf(stored) !== expectedLastSubjectSequence) {
      throw new BrokerError('WrongLastSequence', `wrong last sequence: ${this.lastOf(stored)}`);
    }
    const limit = this.config.max_msgs_per_subject;
    const held = this.#bySubject.get(stored);
    if (limit > 0 && held !== undefined && held.size >= limit && this.config.discard_new_per_subject) {
      throw new BrokerError('SubjectFull', 'maximum messages per subject exceeded');
    }
    // A schedule replaces the one on its subject.
    if (options.schedule !== undefined) this.purge(stored, undefined, now);
    const headers = { ...options.headers, ...(messageID === undefined ? {} : { 'Nats-Msg-Id': messageID }) };
    const sequence = ++this.lastSequence;
    const message: SimulatedMessage = { subject: stored, sequence, storedAt: now, data, headers, removedAt: undefined };
    this.messages.set(sequence, message);
    const sequences = this.#bySubject.get(stored);
    if (sequences === undefined) this.#bySubject.set(stored, new Set([sequence]));
    else sequences.add(sequence);
    if (limit > 0 && !this.config.discard_new_per_subject) this.#trim(stored, limit, now);
    if (messageID !== undefined) this.#ids.set(messageID, { at: now, sequence });
    return { message, sequence };
  }

  // Only the one form that the stream table uses: `events.*.>` → `events.{{partition(P,1)}}.{{wildcard(1)}}.>`.
  #transform(subject: string): string {
    const partitions = /\{\{partition\((\d+),1\)\}\}/.exec(this.config.subject_transform?.dest ?? '')?.[1];
    if (partitions === undefined) return subject;
    const [first, source = '', ...rest] = subject.split('.');
    return [first, fnv1a32(source) % Number(partitions), source, ...rest].join('.');
  }

  #trim(subject: string, limit: number, now: number): void {
    const sequences = this.#bySubject.get(subject);
    if (sequences === undefined) return;
    for (const sequence of sequences) {
      if (sequences.size <= limit) return;
      this.remove(sequence, now);
    }
  }

  remove(sequence: number, now: number): void {
    const message = this.messages.get(sequence);
    if (message === undefined) return;
    this.messages.delete(sequence);
    const sequences = this.#bySubject.get(message.subject);
    sequences?.delete(sequence);
    if (sequences?.size === 0) this.#bySubject.delete(message.subject);
    message.removedAt = now;
    this.#removed.push(message);
  }

  purge(filter: string, beforeSequence: number | undefined, now: number): number {
    const doomed: number[] = [];
    for (const [subject, sequences] of this.#bySubject) {
      if (!subjectMatches(filter, subject)) continue;
      for (const sequence of sequences) {
        if (beforeSequence === undefined || sequence < beforeSequence) doomed.push(sequence);
      }
    }
    for (const sequence of doomed) this.remove(sequence, now);
    return doomed.length;
  }

  lastOf(subject: string): number {
    let last = 0;
    for (const sequence of this.#bySubject.get(subject) ?? []) last = sequence;
    return last;
  }

  subjects(filter: string): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const [subject, sequences] of this.#bySubject) {
      if (subjectMatches(filter, subject)) counts[subject] = sequences.size;
    }
    return counts;
  }

  /** What a follower shows that is `lagMs` behind; 0 = the leader. */
  read(subject: string, from: number, limit: number, now: number, lagMs: number): SimulatedMessage[] {
    const seenAt = now - lagMs;
    const found: SimulatedMessage[] = [];
    if (lagMs > 0) {
      this.#removed = this.#removed.filter(({ removedAt = 0 }) => removedAt > now - followerMemoryMs);
      for (const message of this.#removed) {
        if (message.subject === subject && message.sequence >= from && (message.removedAt ?? 0) > seenAt) {
          found.push(message);
        }
      }
    } else if (this.#removed.length > 1000) {
      this.#removed = [];
    }
    for (const sequence of this.#bySubject.get(subject) ?? []) {
      const message = this.messages.get(sequence);
      if (message !== undefined && sequence >= from) found.push(message);
    }
    return found
      .filter(({ storedAt }) => storedAt <= seenAt)
      .sort((a, b) => a.sequence - b.sequence)
      .slice(0, limit);
  }
}

/** NATS wildcards: `*` is one token, `>` is one or more at the end. */
export function subjectMatches(pattern: string, subject: string): boolean {
  if (pattern === subject) return true;
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return tokens.length > index;
    if (index >= tokens.length || (token !== '*' && token !== tokens[index])) return false;
  }
  return wanted.length === tokens.length;
}

/** A message as clients see it. */
export function storedMessage(message: SimulatedMessage): StoredMessage {
  const { headers } = message;
  return {
    subject: message.subject,
    sequence: message.sequence,
    timestamp: Math.trunc(epochStart + message.storedAt),
    data: message.data,
    header: (name) => {
      const exact = headers[name];
      if (exact !== undefined) return exact;
      const lower = name.toLowerCase();
      return Object.entries(headers).find(([candidate]) => candidate.toLowerCase() === lower)?.[1] ?? '';
    },
    headers: () => ({ ...headers }),
  };
}
