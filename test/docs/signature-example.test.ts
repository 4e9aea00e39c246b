import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { parseSigningKey, sign } from '../../src/delivery/signature.ts';
import { temporaryFolder } from '../cluster/scratch.ts';
import { codeBlocks, readPage } from './markdown.ts';

type IsGenuine = (headers: Readonly<Record<string, string>>, body: Buffer, secret: string) => boolean;

test('the receiver of docs/security.md accepts what the operator signs, and nothing else', async () => {
  const [example] = codeBlocks('security', readPage('docs/security.md')).filter(({ language }) => language === 'js');
  const file = join(temporaryFolder('example'), 'example.mjs');
  writeFileSync(file, example?.text ?? '');
  const { isGenuine } = (await import(pathToFileURL(file).href)) as { readonly isGenuine: IsGenuine };

  const [secret, other] = [Buffer.from('a key').toString('base64'), Buffer.from('another').toString('base64')];
  const keys = [other, secret].map((text) => parseSigningKey(Buffer.from(`whsec_${text}`)));
  const body = Buffer.from('{"id":1}');
  const now = Math.floor(Date.now() / 1000);
  const headersAt = (seconds: number) => ({
    'webhook-id': 'e-1',
    'webhook-timestamp': String(seconds),
    'webhook-signature': sign('e-1', seconds, body, keys),
  });
  expect(isGenuine(headersAt(now), body, secret)).toBe(true);
  expect(isGenuine(headersAt(now), body, other)).toBe(true);
  expect(isGenuine(headersAt(now), Buffer.from('{"id":2}'), secret)).toBe(false);
  expect(isGenuine(headersAt(now), body, Buffer.from('a third').toString('base64'))).toBe(false);
  expect(isGenuine(headersAt(now - 301), body, secret)).toBe(false);
  expect(isGenuine({ ...headersAt(now), 'webhook-id': 'e-2' }, body, secret)).toBe(false);
  expect(isGenuine({}, body, secret)).toBe(false);
});
