import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesHost } from './host-glob.ts';

describe('matchesHost', () => {
  it.each([
    ['example.com', 'example.com'],
    ['Example.COM', 'example.com'],
    ['example.com', 'EXAMPLE.com.'],
    ['example.com.', 'example.com'],
    ['*.example.com', 'a.example.com'],
    ['api-*.example.com', 'api-7.example.com'],
    ['**.example.com', 'a.b.example.com'],
    ['**.example.com', 'a.example.com'],
    ['a.*.example.**', 'a.b.example.co.uk'],
    ['**', 'anything.at.all'],
    ['[::1]', '[::1]'],
    ['***', 'ab'],
  ])('%s admits %s', (glob, host) => {
    expect(matchesHost(glob, host)).toBe(true);
  });

  it.each([
    ['example.com', 'a.example.com'],
    ['example.com', 'examplexcom'],
    ['*.example.com', 'example.com'],
    ['*.example.com', '.example.com'],
    ['*.example.com', 'a.b.example.com'],
    ['*.example.com', 'a.example.com.evil.net'],
    ['**.example.com', 'example.com'],
    ['**.example.com', 'evilexample.com'],
    ['api-*.example.com', 'api-.example.com'],
    ['*', 'a.b'],
    ['example.com', ''],
  ])('%s does not admit %s', (glob, host) => {
    expect(matchesHost(glob, host)).toBe(false);
  });

  it('decides like the regular expression that it stands for', () => {
    const glob = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '**'), minLength: 1, maxLength: 8 });
    const host = fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(glob, host, (pattern, name) => {
        const bare = (text: string) => text.replace(/\.$/, '');
        const source = bare(pattern).replaceAll(/\*\*|\*|\./g, (token) =>
          token === '.' ? '[.]' : token === '*' ? '[^.]+' : '.+',
        );
        expect(matchesHost(pattern, name)).toBe(new RegExp(`^${source}$`).test(bare(name)));
      }),
      { numRuns: 2000 },
    );
  });

  it('takes no longer than length times length, whatever the pattern', () => {
    expect(matchesHost('*'.repeat(1).concat('*a'.repeat(120)), 'a'.repeat(250))).toBe(true);
    expect(matchesHost('**a'.repeat(80), `${'a'.repeat(252)}b`)).toBe(false);
  });
});
