import { hash } from 'node:crypto';

/**
 * Spreads slots 0 … `slotCount` − 1 over members by highest random weight: every replica computes the same from the same
 * members, in any order, and when a member comes or goes only its own slots move. Empty when there is no member.
 */
export function assignSlots(members: Iterable<string>, slotCount: number): Map<number, string> {
  const all = [...new Set(members)];
  const assignment = new Map<number, string>();
  for (let slot = 0; slot < slotCount; slot += 1) {
    const owner = ownerOf(slot, all);
    if (owner !== undefined) assignment.set(slot, owner);
  }
  return assignment;
}

function ownerOf(slot: number, members: readonly string[]): string | undefined {
  let owner: string | undefined;
  let highest = '';
  for (const member of members) {
    // Hex digests of one length compare as the numbers that they are. The slot comes first and ends at the slash, so no
    // two pairs of slot and member hash the same text.
    const weight = hash('sha256', `${slot}/${member}`);
    if (weight > highest) {
      highest = weight;
      owner = member;
    }
  }
  return owner;
}
