import { epochStart } from './virtual-clock.ts';
import type { WebhookConfig } from '../../src/delivery/webhook-config.ts';
import type { WebhookState } from '../../src/delivery/webhook-state.ts';

/** One POST, as both ends saw it. Times are milliseconds of the run. */
export interface Post {
  readonly uid: string;
  readonly url: string;
  readonly eventID: string;
  readonly attempt: number;
  readonly member: string;
  /** The slot's generation that the member had last. */
  readonly generation: number;
  readonly at: number;
  /** What the receiver answered, and when; absent when it did not. */
  answered?: { readonly at: number; readonly status: number };
  /** What the member got to know, and when; absent when it crashed before. */
  seen?: { readonly at: number; readonly ok: boolean; readonly counts: boolean };
}

export interface PublishedEvent {
  readonly id: string;
  readonly sequence: number;
  readonly source: string;
  readonly type: string;
  readonly at: number;
}

export interface StateWrite {
  readonly at: number;
  readonly uid: string;
  readonly state: WebhookState;
}

export interface ClaimWrite {
  readonly at: number;
  readonly slot: number;
  readonly member: string;
  readonly generation: number;
  readonly released: boolean;
  readonly unsettled?: boolean;
}

/** What a person, or control, did to a webhook. `config` undefined = deleted. */
export interface ConfigChange {
  readonly at: number;
  readonly uid: string;
  readonly version: number;
  readonly config: WebhookConfig | undefined;
}

export interface Interval {
  readonly from: number;
  to: number;
}

/** Everything that happened in a run, from which the invariants are computed. */
export class Ledger {
  readonly posts: Post[] = [];
  readonly events: PublishedEvent[] = [];
  readonly states: StateWrite[] = [];
  readonly claims: ClaimWrite[] = [];
  readonly configs: ConfigChange[] = [];
  /** Dead letters ever written, `uid/event id`: they may be removed with their webhook. */
  readonly deadLettered = new Set<string>();
  /** Deliveries, `uid/event id`, that were ever written to RETRIES or BACKLOG. */
  readonly written = new Set<string>();
  /** Deliveries, `uid/event id`, that a former owner's late write brought back. */
  readonly strays = new Set<string>();
  /** NATS did not answer. */
  readonly outages: Interval[] = [];
  /** A process was stalled or had crashed, per member. */
  readonly silences: { readonly member: string; readonly interval: Interval; readonly crashed: boolean }[] = [];
  /** Times at which a request or its confirmation got lost. */
  readonly lostConfirmations: number[] = [];
  readonly lost = new Map<string, number>();
  /** What was noticed while the run went on. */
  readonly violations: string[] = [];
  readonly #trace: string[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  note(line: string): void {
    this.#trace.push(`${formatTime(this.#now())} ${line}`);
  }

  violated(line: string): void {
    this.note(`VIOLATION ${line}`);
    this.violations.push(`${formatTime(this.#now())} ${line}`);
  }

  get trace(): readonly string[] {
    return this.#trace;
  }

  /** The generation that a member had last of a slot. */
  generationOf(member: string, slot: number): number {
    for (let index = this.claims.length - 1; index >= 0; index--) {
      const claim = this.claims[index];
      if (claim?.member === member && claim.slot === slot) return claim.generation;
    }
    return 0;
  }
}

/** Seconds of the run. */
export function formatTime(ms: number): string {
  return `${(ms / 1000).toFixed(4).padStart(9)}s`;
}

export function runTime(wallClock: number): number {
  return wallClock - epochStart;
}
