import { createHmac, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';

import * as fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';

import { SigningKeyError, parseSigningKey, sign } from './signature.ts';

const body = Buffer.from('{"a":"ü"}');
const { privateKey } = generateKeyPairSync('ed25519');
const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
const publicPart = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
const text = (value: string) => Buffer.from(value);

describe('a signing key', () => {
  test('with whsec_ is base64 of an HMAC key', () => {
    const key = parseSigningKey(text(`whsec_${Buffer.from('secret').toString('base64')}`));
    expect(key.algorithm).toBe('hmac-sha256');
    expect(key.key.export()).toEqual(Buffer.from('secret'));
  });

  test.each([
    ['text', text('my secret')],
    ['bytes', Buffer.of(0, 255, 10, 13)],
    ['short text', text('w')],
  ])('that is other %s is those bytes', (_, bytes) => {
    const key = parseSigningKey(bytes);
    expect(key.algorithm).toBe('hmac-sha256');
    expect(key.key.export()).toEqual(bytes);
  });

  test.each([
    ['a seed', seed],
    ['seed and public key', Buffer.concat([seed, publicPart])],
  ])('with whsk_ is base64 of %s', (_, bytes) => {
    const key = parseSigningKey(text(`whsk_${bytes.toString('base64')}`));
    expect(key.algorithm).toBe('ed25519');
    expect(key.key.export({ format: 'der', type: 'pkcs8' })).toEqual(
      privateKey.export({ format: 'der', type: 'pkcs8' }),
    );
  });

  test('needs no padding', () => {
    expect(parseSigningKey(text('whsec_YWI')).key.export()).toEqual(Buffer.from('ab'));
  });

  test.each([
    ['', 'The signing key is empty'],
    ['whsec_', 'The signing key is empty'],
    ['whsec_a b', 'What follows whsec_ in the signing key is not base64'],
    ['whsec_YWI=\n', 'What follows whsec_ in the signing key is not base64'],
    ['whsec_YWJjZ', 'What follows whsec_ in the signing key is not base64'],
    ['whsk_-_-_', 'What follows whsk_ in the signing key is not base64'],
    ['whsk_YWJj', 'An ed25519 key (whsk_) must be 32 or 64 bytes long, this one has 3'],
    ['whsk_', 'An ed25519 key (whsk_) must be 32 or 64 bytes long, this one has 0'],
    [`whsk_${Buffer.alloc(64).toString('base64')}`, 'The two halves of the ed25519 key (whsk_) do not belong together'],
    ['whpk_YWJj', 'The key is a public one (whpk_): put the private one (whsk_) into the Secret'],
  ])('%j is refused', (value, message) => {
    const parse = () => parseSigningKey(text(value));
    expect(parse).toThrow(SigningKeyError);
    expect(parse).toThrow(message);
  });

  test('has a stable error code', () => {
    expect(new SigningKeyError('x').code).toBe('WHO_SIGNING_KEY_INVALID');
  });
});

describe('a signature', () => {
  const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
  const hmac = parseSigningKey(text(secret));
  const ed25519 = parseSigningKey(text(`whsk_${seed.toString('base64')}`));

  test('is verified by the official library', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_:-]{1,128}$/), fc.string({ unit: 'grapheme' }), (id, payload) => {
        const seconds = Math.floor(Date.now() / 1000);
        const headers = {
          'webhook-id': id,
          'webhook-timestamp': String(seconds),
          'webhook-signature': sign(id, seconds, Buffer.from(payload), [hmac]),
        };
        expect(() => new Webhook(secret).verify(payload, headers, { jsonParse: false })).not.toThrow();
        expect(() => new Webhook(secret).verify(`${payload}x`, headers, { jsonParse: false })).toThrow();
      }),
    );
  });

  test('covers id, timestamp and the very bytes', () => {
    const bytes = Buffer.of(0, 255, 254);
    const expected = createHmac('sha256', Buffer.alloc(24, 7)).update(Buffer.concat([text('msg-1.123.'), bytes]));
    expect(sign('msg-1', 123, bytes, [hmac])).toBe(`v1,${expected.digest('base64')}`);
  });

  test('of an ed25519 key is verified by its public key', () => {
    const signature = sign('msg-1', 123, body, [ed25519]);
    expect(signature).toMatch(/^v1a,/);
    const content = Buffer.concat([text('msg-1.123.'), body]);
    expect(verify(null, content, createPublicKey(privateKey), Buffer.from(signature.slice(4), 'base64'))).toBe(true);
  });

  test('is given for each key, in order, while keys rotate', () => {
    const other = parseSigningKey(text('other'));
    const each = [ed25519, hmac, other].map((key) => sign('m', 1, body, [key]));
    expect(sign('m', 1, body, [ed25519, hmac, other])).toBe(each.join(' '));
    const verifier = new Webhook(secret);
    const now = Math.floor(Date.now() / 1000);
    const headers = {
      'webhook-id': 'm',
      'webhook-timestamp': String(now),
      'webhook-signature': sign('m', now, body, [other, ed25519, hmac]),
    };
    expect(verifier.verify(body, headers)).toEqual({ a: 'ü' });
  });

  test('without keys is empty', () => {
    expect(sign('m', 1, body, [])).toBe('');
  });
});
