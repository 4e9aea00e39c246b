/** Makes what a receiver said fit for status, events, logs and headers: one line, bounded, without our secrets. */

const mask = '***';
/** Shorter secrets are not looked for: masking every `a` would only show which letter it is. */
const minSecretLength = 4;

const decoder = new TextDecoder('utf-8');
// Controls, line and paragraph separators, and the invisible marks that change the direction of text.
const unprintable = /[\s\p{Cc}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+/gu;

/**
 * The text of `bytes` on one line, at most `maxBytes` of UTF-8 long, never cut within a character. Each of `secrets` is
 * masked, also as it looks in JSON or in a URL, and where the captured bytes end in the middle of one.
 */
export function printable(bytes: Uint8Array, maxBytes: number, secrets: readonly string[] = []): string {
  return printableText(decoder.decode(bytes), maxBytes, secrets);
}

/** The same for text, for example a header. */
export function printableText(text: string, maxBytes: number, secrets: readonly string[] = []): string {
  // Masked before it is cut, or the cut could leave most of a secret behind.
  return cut(maskSecrets(text, secrets).replace(unprintable, ' ').trim(), maxBytes);
}

function maskSecrets(text: string, secrets: readonly string[]): string {
  const spellings = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < minSecretLength) continue;
    spellings.add(secret);
    spellings.add(JSON.stringify(secret).slice(1, -1));
    spellings.add(encodeURIComponent(secret.toWellFormed()));
  }
  // The longest first: one secret may contain another.
  let masked = text;
  for (const spelling of [...spellings].sort((a, b) => b.length - a.length)) {
    masked = maskTruncated(masked.replaceAll(spelling, mask), spelling);
  }
  return masked;
}

/** Masks the start of a secret at the very end of the text, where reading stopped. */
function maskTruncated(text: string, secret: string): string {
  for (let length = Math.min(secret.length - 1, text.length); length >= minSecretLength; length -= 1) {
    if (text.endsWith(secret.slice(0, length))) return `${text.slice(0, -length)}${mask}`;
  }
  return text;
}

function cut(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= maxBytes) return text;
  let end = Math.max(0, maxBytes);
  // 10xxxxxx continues a character: step back to its first byte.
  while (end > 0 && (bytes.readUInt8(end) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
