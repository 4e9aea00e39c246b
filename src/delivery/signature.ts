/** Signatures of the Standard Webhooks specification: `v1` (HMAC-SHA256) and `v1a` (ed25519). */
import { createHmac, createPrivateKey, createPublicKey, createSecretKey, sign as signWith } from 'node:crypto';

import { OperatorError } from '../errors.ts';
import type { SigningKey } from './webhook-config.ts';

/** A Secret's bytes are no signing key. The message never holds the key. */
export class SigningKeyError extends OperatorError {
  readonly code = 'WHO_SIGNING_KEY_INVALID';
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
/** PKCS #8 around an ed25519 seed (RFC 8410). */
const ed25519Header = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * Reads a key as it stands in a Secret: `whsec_` + base64 = HMAC key, `whsk_` + base64 = ed25519 key (a 32-byte seed, or
 * seed and public key in 64 bytes), anything else = the bytes themselves as HMAC key. Throws {@link SigningKeyError}. Keep
 * the result: importing a key costs five times as much as a signature.
 */
export function parseSigningKey(bytes: Uint8Array): SigningKey {
  const raw = Buffer.from(bytes);
  const prefix = raw.toString('latin1', 0, 6);
  if (prefix === 'whsec_') return hmacKey(decodeBase64(raw, 'whsec_'));
  if (prefix.startsWith('whsk_')) return ed25519Key(decodeBase64(raw, 'whsk_'));
  if (prefix.startsWith('whpk_')) {
    throw new SigningKeyError('The key is a public one (whpk_): put the private one (whsk_) into the Secret');
  }
  return hmacKey(raw);
}

/** `webhook-signature`: one signature for each key, the primary's first, separated by spaces. */
export function sign(id: string, timestampSeconds: number, body: Uint8Array, keys: readonly SigningKey[]): string {
  const head = `${id}.${timestampSeconds}.`;
  let signatures = '';
  for (const key of keys) {
    const signature = key.algorithm === 'ed25519' ? signEd25519(head, body, key) : signHMAC(head, body, key);
    signatures = signatures === '' ? signature : `${signatures} ${signature}`;
  }
  return signatures;
}

function signHMAC(head: string, body: Uint8Array, { key }: SigningKey): string {
  return `v1,${createHmac('sha256', key).update(head).update(body).digest('base64')}`;
}

function signEd25519(head: string, body: Uint8Array, { key }: SigningKey): string {
  return `v1a,${signWith(null, Buffer.concat([Buffer.from(head, 'utf8'), body]), key).toString('base64')}`;
}

function hmacKey(secret: Uint8Array): SigningKey {
  if (secret.length === 0) throw new SigningKeyError('The signing key is empty');
  return { algorithm: 'hmac-sha256', key: createSecretKey(secret) };
}

function ed25519Key(bytes: Buffer): SigningKey {
  if (bytes.length !== 32 && bytes.length !== 64) {
    throw new SigningKeyError(`An ed25519 key (whsk_) must be 32 or 64 bytes long, this one has ${bytes.length}`);
  }
  const key = createPrivateKey({
    key: Buffer.concat([ed25519Header, bytes.subarray(0, 32)]),
    format: 'der',
    type: 'pkcs8',
  });
  if (bytes.length === 64) {
    const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
    if (!publicKey.equals(bytes.subarray(32))) {
      throw new SigningKeyError('The two halves of the ed25519 key (whsk_) do not belong together');
    }
  }
  return { algorithm: 'ed25519', key };
}

function decodeBase64(raw: Buffer, prefix: string): Buffer {
  const text = raw.toString('latin1', prefix.length);
  if (!base64.test(text)) throw new SigningKeyError(`What follows ${prefix} in the signing key is not base64`);
  return Buffer.from(text, 'base64');
}
