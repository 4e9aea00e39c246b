import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { RequestScanner } from './request-scanner.ts';

function scan(chunks: readonly Buffer[]): string[] {
  const bodies: string[] = [];
  const scanner = new RequestScanner((bytes, start, end) => bodies.push(bytes.toString('latin1', start, end)));
  for (const chunk of chunks) scanner.push(chunk);
  return bodies;
}

function request(body: string): string {
  return `POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: ${body.length}\r\nwebhook-id: 1\r\n\r\n${body}`;
}

test('requests are found however their bytes are cut', () => {
  const body = fc.string({ unit: fc.constantFrom('a', '\r', '\n', ':', '{'), maxLength: 40 });
  fc.assert(
    fc.property(fc.array(body, { maxLength: 6 }), fc.array(fc.nat(300), { maxLength: 8 }), (bodies, cuts) => {
      const bytes = Buffer.from(bodies.map(request).join(''), 'latin1');
      const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const chunks = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
      expect(scan(chunks.filter(({ length }) => length > 0))).toEqual(bodies);
    }),
  );
});

test('a request without content-length has no body, whatever the next one says', () => {
  expect(scan([Buffer.from(`GET / HTTP/1.1\r\nhost: h\r\n\r\n${request('two')}`)])).toEqual(['', 'two']);
});
