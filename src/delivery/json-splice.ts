import { messageOf } from '../errors.ts';
import { PayloadInvalidError } from './payload-error.ts';

// With the byte order mark left in, which JSON forbids: it must not end up in the middle of an envelope.
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Puts JSON bytes, untouched, between two pieces of JSON text. Throws {@link PayloadInvalidError} when they are not one
 * JSON value in UTF-8.
 */
export function spliceJSON(before: string, json: Uint8Array, after: string): Uint8Array {
  try {
    JSON.parse(strictDecoder.decode(json));
  } catch (error) {
    throw new PayloadInvalidError(`The event's data is not JSON: ${messageOf(error)}`, { cause: error });
  }
  return Buffer.concat([Buffer.from(before, 'utf8'), json, Buffer.from(after, 'utf8')]);
}
