import { hash } from 'node:crypto';
import type { KubeObject } from './kube-object.ts';
import { microTime } from './micro-time.ts';

/** `core/v1` ObjectReference. */
export interface EventReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
}

/** What happened, before it is an Event object. Never put a secret, or a URL that may contain one, into `note`. */
export interface EventInput {
  readonly regarding: EventReference;
  readonly related?: EventReference;
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, at most 128 characters; unique and specific. */
  readonly reason: string;
  /** What was done or tried, CamelCase, at most 128 characters. */
  readonly action: string;
  /** For people. Cut at 1024 bytes. */
  readonly note: string;
}

/** `events.k8s.io/v1` Event, as far as we write it. */
export interface EventObject extends KubeObject {
  readonly eventTime: string;
  readonly type: string;
  readonly reason: string;
  readonly action: string;
  readonly note: string;
  readonly regarding: EventReference;
  readonly related?: EventReference;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly series?: EventSeries;
}

export interface EventSeries {
  readonly count: number;
  readonly lastObservedTime: string;
}

/** One Event object and what is known of it. */
export interface EventEntry {
  readonly event: EventObject;
  /** Present from the second occurrence on. */
  readonly series: EventSeries | undefined;
  /** On the monotonic clock. */
  readonly lastSeenAt: number;
}

interface Time {
  readonly wall: number;
  readonly monotonic: number;
}

/** A series counts as finished after this long without another occurrence: client-go's 6 minutes. */
export const SERIES_IDLE_MS = 360_000;

const NOTE_BYTES = 1024;

/** Which occurrences belong together, as client-go sees it: everything but the note. */
function keyOfEvent(input: EventInput): string {
  const { type, action, reason, regarding, related } = input;
  return JSON.stringify([type, action, reason, referenceKey(regarding), related && referenceKey(related)]);
}

/** Folds repeated events into series. Pure but for what it remembers. */
export class EventSeriesCache {
  readonly #controller: string;
  readonly #instance: string;
  readonly #entries = new Map<string, EventEntry>();
  #lastSuffix = 0n;

  /** `controller` is a qualified name, `instance` names the process; at most 128 characters each. */
  constructor(controller: string, instance: string) {
    this.#controller = controller;
    this.#instance = instance.slice(0, 128);
  }

  get size(): number {
    return this.#entries.size;
  }

  entry(key: string): EventEntry | undefined {
    return this.#entries.get(key);
  }

  /**
   * Takes in an occurrence and returns the key of an entry to be written: the first makes an Event, the second makes it a
   * series, later ones only count until {@link keysToRefresh}.
   */
  observe(input: EventInput, time: Time): string | undefined {
    const key = keyOfEvent(input);
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { event: this.#build(input, time.wall), series: undefined, lastSeenAt: time.monotonic });
      return key;
    }
    const series = { count: (known.series?.count ?? 1) + 1, lastObservedTime: microTime(time.wall) };
    this.#entries.set(key, { ...known, series, lastSeenAt: time.monotonic });
    return known.series === undefined ? key : undefined;
  }

  /** Entries whose count should be written now and then while they go on. */
  keysToRefresh(): string[] {
    return [...this.#entries].filter(([, entry]) => entry.series !== undefined).map(([key]) => key);
  }

  /** Forgets what was quiet for {@link SERIES_IDLE_MS} and returns the series among it, to be written a last time. */
  finish(monotonic: number): EventEntry[] {
    const finished: EventEntry[] = [];
    for (const [key, entry] of this.#entries) {
      if (monotonic - entry.lastSeenAt < SERIES_IDLE_MS) continue;
      this.#entries.delete(key);
      if (entry.series !== undefined) finished.push(entry);
    }
    return finished;
  }

  #build(input: EventInput, wall: number): EventObject {
    const { regarding, related, type, reason, action, note } = input;
    // Events are namespaced; those about cluster-scoped objects live in `default`.
    const namespace = regarding.namespace ?? 'default';
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace, name: `${eventPrefix(regarding.name)}.${this.#suffix(wall)}` },
      eventTime: microTime(wall),
      type,
      reason: reason.slice(0, 128),
      action: action.slice(0, 128),
      note: cutBytes(note, NOTE_BYTES),
      regarding,
      ...(related === undefined ? {} : { related }),
      reportingController: this.#controller,
      reportingInstance: this.#instance,
    };
  }

  /** Nanoseconds in hex as in client-go, never the same twice; the low digits tell processes apart. */
  #suffix(wall: number): string {
    const now = BigInt(Math.trunc(wall)) * 1_000_000n + this.#processDigits;
    this.#lastSuffix = now > this.#lastSuffix ? now : this.#lastSuffix + 1n;
    return this.#lastSuffix.toString(16);
  }

  get #processDigits(): bigint {
    return BigInt(`0x${hash('sha256', this.#instance).slice(0, 4)}`);
  }
}

function referenceKey(reference: EventReference): readonly (string | undefined)[] {
  return [reference.apiVersion, reference.kind, reference.namespace, reference.name, reference.uid];
}

function eventPrefix(name: string): string {
  // 253 characters for a name; a dot and 16 hex digits follow.
  return name.length <= 230 ? name : name.slice(0, 230).replace(/[.-]+$/, '');
}

/** Cuts at a character boundary. */
function cutBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.byteLength <= maxBytes) return text;
  let end = maxBytes - 3;
  // 10xxxxxx continues a character.
  while ((bytes.readUInt8(end) & 0xc0) === 0x80) end -= 1;
  return `${bytes.subarray(0, end).toString('utf8')}…`;
}
