/** Where a slot is with this replica. */
export type SlotPhase = 'Idle' | 'Acquiring' | 'Owned' | 'Releasing';

export interface SlotStatus {
  readonly phase: SlotPhase;
  /** Monotonic time before which it is not taken again; 0 = at once. */
  readonly notBefore: number;
}

export interface SlotPlanInput {
  /** Slots that rendezvous hashing gives to this replica. */
  readonly desired: ReadonlySet<number>;
  /** Slots that are not listed are idle. */
  readonly slots: ReadonlyMap<number, SlotStatus>;
  /** False while our own Lease is not known to be valid: then nothing is taken, and what we have stays ours. */
  readonly mayAcquire: boolean;
  readonly now: number;
}

export interface SlotPlan {
  readonly acquire: readonly number[];
  readonly release: readonly number[];
}

const idle: SlotStatus = { phase: 'Idle', notBefore: 0 };

/** What to begin now. Slots that are being taken or handed over are waited for. Pure. */
export function planSlots({ desired, slots, mayAcquire, now }: SlotPlanInput): SlotPlan {
  const acquire: number[] = [];
  if (mayAcquire) {
    for (const slot of desired) {
      const { phase, notBefore } = slots.get(slot) ?? idle;
      if (phase === 'Idle' && notBefore <= now) acquire.push(slot);
    }
  }
  const release: number[] = [];
  for (const [slot, { phase }] of slots) {
    // One that is still being taken over may wait for an API server that is gone: it is given up as well.
    if (!desired.has(slot) && (phase === 'Owned' || phase === 'Acquiring')) release.push(slot);
  }
  return { acquire, release };
}

export interface OwnerQuestion {
  /** The claim in STATE; undefined when nobody ever had the slot. */
  readonly claim: { readonly member: string; readonly released: boolean } | undefined;
  readonly self: string;
  readonly members: readonly string[];
  /** Since we first wanted the slot and found it taken, in milliseconds. */
  readonly waitedMs: number;
}

/** How long an owner that is alive is given to hand a slot over: longer than it takes to see us and to drain. */
export const handOverPatienceMs = 60_000;

/**
 * Whether to wait for the present owner to hand over. Taking a slot from a healthy owner would repeat what it has in flight;
 * it sees the new member within a renewal and then releases by will.
 */
export function mustWaitForOwner({ claim, self, members, waitedMs }: OwnerQuestion): boolean {
  if (claim === undefined || claim.released || claim.member === self) return false;
  return members.includes(claim.member) && waitedMs < handOverPatienceMs;
}
