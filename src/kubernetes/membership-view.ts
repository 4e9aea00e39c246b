import type { KubeObject } from './kube-object.ts';

/** `coordination.k8s.io/v1` Lease, as far as membership reads and writes it. */
export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface MembershipViewOptions {
  /** For leases that don't name a duration of their own, in milliseconds. */
  readonly leaseDurationMs: number;
  /** After a longer gap between two observations, every lease gets its full duration again. In milliseconds. */
  readonly longestGapMs: number;
  /** A lease that was dead for this long is nobody's any more, in milliseconds. */
  readonly collectAfterMs: number;
}

export interface MembershipObservation {
  /** Identities of those alive, sorted. */
  readonly members: readonly string[];
  /** Leases that a survivor should delete. */
  readonly collectable: readonly Lease[];
}

interface Seen {
  readonly record: string;
  readonly changedAt: number;
  readonly alive: boolean;
}

/**
 * Judges who is alive from what was seen to change, on our own monotonic clock: the times inside the leases were written
 * by other clocks. Who could not renew because nobody could reach the API server is not dead, so time in which we saw
 * nothing does not count.
 */
export class MembershipView {
  readonly #options: MembershipViewOptions;
  #seen = new Map<string, Seen>();
  #observedAt = Number.NEGATIVE_INFINITY;

  constructor(options: MembershipViewOptions) {
    this.#options = options;
  }

  /** Takes in all membership leases as they were read by a LIST that ended at `now`. */
  observe(leases: readonly Lease[], now: number): MembershipObservation {
    const { longestGapMs, collectAfterMs } = this.#options;
    const afterGap = now - this.#observedAt > longestGapMs;
    this.#observedAt = now;
    const seen = new Map<string, Seen>();
    const members = new Set<string>();
    const collectable: Lease[] = [];
    for (const lease of leases) {
      const { name, uid } = lease.metadata;
      const record = JSON.stringify([uid, lease.spec?.holderIdentity, lease.spec?.renewTime]);
      const before = this.#seen.get(name);
      const unchanged = before?.record === record;
      // Who was dead before we lost sight stays dead until it renews.
      const changedAt = unchanged && !(afterGap && before.alive) ? before.changedAt : now;
      const silentMs = now - changedAt;
      const holder = lease.spec?.holderIdentity ?? '';
      const alive = holder !== '' && silentMs < this.#durationOf(lease);
      seen.set(name, { record, changedAt, alive });
      if (alive) members.add(holder);
      else if (silentMs >= collectAfterMs) collectable.push(lease);
    }
    this.#seen = seen;
    return { members: [...members].sort(), collectable };
  }

  #durationOf(lease: Lease): number {
    const seconds = lease.spec?.leaseDurationSeconds;
    return seconds === undefined ? this.#options.leaseDurationMs : seconds * 1000;
  }
}
