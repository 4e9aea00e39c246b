import { inflateRawSync } from 'node:zlib';
import { TestClusterError } from './errors.ts';

/** A file in a zip archive. */
export interface ZipEntry {
  readonly name: string;
  /** Unpacked content. Throws TestClusterError when it is packed in a way that this reader does not know. */
  read(): Buffer;
}

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const endLength = 22;

/**
 * The files of an archive, in its order. Reads what Go's module zips are made of: stored or deflated entries, no
 * encryption, no zip64 (APPNOTE.TXT 4.3.12 and 4.3.16). Throws TestClusterError when it is no such archive.
 */
export function readZip(archive: Buffer): readonly ZipEntry[] {
  let end = archive.length - endLength;
  // The end record is last, but a comment of up to 64 KiB may follow it.
  const lowest = Math.max(0, end - 0xffff);
  while (end >= lowest && archive.readUInt32LE(end) !== endSignature) end -= 1;
  if (end < lowest) throw new TestClusterError('not a zip archive: it has no end record');

  const entries: ZipEntry[] = [];
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (archive.readUInt32LE(at) !== entrySignature) throw new TestClusterError('damaged zip archive');
    const method = archive.readUInt16LE(at + 10);
    const packedSize = archive.readUInt32LE(at + 20);
    const nameLength = archive.readUInt16LE(at + 28);
    const header = archive.readUInt32LE(at + 42);
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength);
    if (!name.endsWith('/')) entries.push({ name, read: () => unpack(archive, name, header, method, packedSize) });
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return entries;
}

function unpack(archive: Buffer, name: string, header: number, method: number, packedSize: number): Buffer {
  const start = header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
  const packed = archive.subarray(start, start + packedSize);
  if (method === 0) return packed;
  if (method === 8) return inflateRawSync(packed);
  throw new TestClusterError(`${name} is packed with method ${method}, which is not supported`);
}
