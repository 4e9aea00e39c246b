/** What may stand in an HTTP header (RFC 9110, 5.1 and 5.5). */

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// Visible ASCII and obs-text, with spaces and tabs only in between.
const fieldValue = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

export function isFieldName(name: string): boolean {
  return token.test(name);
}

/** Whether a value can be sent as it is. The empty one can. */
export function isFieldValue(value: string): boolean {
  return fieldValue.test(value);
}

/** Percent-encodes what is no visible ASCII, `"` and `%`: the rule of the CloudEvents HTTP binding (3.1.3.2). */
export function percentEncoded(value: string): string {
  return value
    .toWellFormed()
    .replace(/[^\x21\x23\x24\x26-\x7e]/gu, (character) =>
      [...Buffer.from(character, 'utf8')]
        .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
        .join(''),
    );
}

/** The inverse; sequences that are no UTF-8 stay as they are. */
export function percentDecoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
