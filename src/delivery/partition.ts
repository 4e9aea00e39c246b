/**
 * Where a source's events and a webhook's deliveries live (`docs/architecture.md`). The hash is the one of the server's
 * `{{partition(n,…)}}` subject transform, so both sides agree without asking.
 */
const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;

/** FNV-1a, 32 bits, over the UTF-8 bytes. */
export function fnv1a32(text: string): number {
  let state = offsetBasis;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return fnv1a32Bytes(Buffer.from(text, 'utf8'));
    state = Math.imul(state ^ unit, prime);
  }
  return state >>> 0;
}

function fnv1a32Bytes(bytes: Uint8Array): number {
  let state = offsetBasis;
  for (const byte of bytes) state = Math.imul(state ^ byte, prime);
  return state >>> 0;
}

/** The partition, from 0 to `partitions` − 1, that holds the events of a source. */
export function partitionOf(source: string, partitions: number): number {
  return fnv1a32(source) % partitions;
}

/** The shard, from 0 to `shards` − 1, that a Webhook belongs to. */
export function shardOf(uid: string, shards: number): number {
  return fnv1a32(uid) % shards;
}

/** The unit of ownership, from 0 to partitions × shards − 1. */
export function slotOf(partition: number, shard: number, shards: number): number {
  return partition * shards + shard;
}
