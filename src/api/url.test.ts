import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxURLLength, urlProblem, urlSchema } from './url.ts';

describe('urlProblem', () => {
  it.each([
    'http://a',
    'HTTPS://Example.COM/Path',
    'https://crm.example.com/hooks?from=team-a',
    'http://127.0.0.1:8787/hooks',
    'http://[::1]:80/x',
    'https://example.com?query-without-path',
    'https://example.com/@user',
    'https://example.com/a:b?c@d:e',
    'https://xn--bcher-kva.example/b%C3%BCcher',
    'http://under_score.example./',
  ])('takes %s', (url) => {
    expect(urlProblem(url)).toBeUndefined();
    expect(urlSchema.safeParse(url).success).toBe(true);
  });

  it.each([
    ['', 'must start with http:// or https://'],
    ['ftp://a/', 'must start with http:// or https://'],
    ['//a/', 'must start with http:// or https://'],
    [' http://a/', 'must start with http:// or https://'],
    ['http:/a/', 'must start with http:// or https://'],
    ['http://a b/', 'printable ASCII'],
    ['http://a/\n', 'printable ASCII'],
    ['http://bücher.example/', 'printable ASCII'],
    [String.raw`http://good.example\@evil.example/`, 'printable ASCII'],
    ['http://user@a/', 'user name or password'],
    ['http://user:password@a/', 'user name or password'],
    ['http://@a/', 'user name or password'],
    ['http://a:80@b/', 'user name or password'],
    ['http://a/#fragment', 'fragment'],
    ['http:///a', 'must name a host'],
    ['http://:80/', 'must name a host'],
    ['http://a:/', 'must name a host'],
    ['http://a:x/', 'must name a host'],
    ['http://[::1', 'must name a host'],
    ['http://[fe80::1%25eth0]/', 'must name a host'],
    ['http://a:65536/', 'below 65536'],
    ['http://1.2.3.4.5/', 'valid host'],
    ['http://[:::]/', 'valid host'],
  ])('says of %j: %s', (url, message) => {
    expect(urlProblem(url)).toContain(message);
    expect(urlSchema.safeParse(url).success).toBe(false);
  });

  it('bounds the length', () => {
    const longest = 'http://a/'.padEnd(maxURLLength, 'x');
    expect(urlProblem(longest)).toBeUndefined();
    expect(urlProblem(`${longest}x`)).toBe('url must not be longer than 4096 characters');
  });

  it('takes only what a full parse reads the same: http or https, no userinfo, a host', () => {
    const text = fc.tuple(
      fc.constantFrom('http://', 'https://', 'HTTP://', 'http:', 'ftp://'),
      fc.string({
        unit: fc.constantFrom('a', '1', '.', ':', '@', '/', '?', '#', '[', ']', '\\', '%', ' ', 'ü'),
        maxLength: 12,
      }),
    );
    fc.assert(
      fc.property(text, (parts) => {
        const url = parts.join('');
        if (urlProblem(url) !== undefined) return;
        const parsed = new URL(url);
        expect(['http:', 'https:']).toContain(parsed.protocol);
        expect([parsed.username, parsed.password, parsed.hash]).toEqual(['', '', '']);
        expect(parsed.hostname).not.toBe('');
      }),
      { numRuns: 2000 },
    );
  });
});
