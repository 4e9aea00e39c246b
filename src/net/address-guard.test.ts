import * as fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { InvalidCIDRError, isAllowed, parseCIDR } from './address-guard.ts';
import { specialRanges } from './testing/special-ranges.ts';

describe('special-purpose ranges', () => {
  test.each(specialRanges)('$cidr ($name) is not allowed at its first and last address', ({ first, last }) => {
    expect(isAllowed(first, []).allowed).toBe(false);
    expect(isAllowed(last, []).allowed).toBe(false);
  });

  test.each(specialRanges)(
    '$cidr ($name) is allowed when the class lists it, and only that',
    ({ cidr, first, last }) => {
      expect(isAllowed(first, [cidr]).allowed).toBe(true);
      expect(isAllowed(last, [cidr]).allowed).toBe(true);
      expect(isAllowed('192.168.77.1', [cidr]).allowed).toBe(cidr === '192.168.0.0/16');
    },
  );

  test.each([
    ['10.0.0.1', 'private'],
    ['127.0.0.1', 'loopback'],
    ['169.254.169.254', 'linkLocal'],
    ['100.64.0.1', 'carrierGradeNat'],
    ['::', 'unspecified'],
    ['::127.0.0.1', 'ipv4Compatible'],
    ['::8.8.8.8', 'ipv4Compatible'],
    ['4000::1', 'unassigned'],
    ['2002:7f00:1::', '6to4'],
    ['::ffff:127.0.0.1', 'loopback'],
  ])('%s is in the range %s', (address, range) => {
    expect(isAllowed(address, [])).toEqual({ allowed: false, range });
  });
});

describe('public addresses', () => {
  test.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '::ffff:8.8.8.8',
    '2001:200::1',
    '2003::1',
    '2606:4700:4700::1111',
    '2A00:1450:4001:81B::200E',
    '3fff:1000::1',
  ])('%s is allowed', (address) => {
    expect(isAllowed(address, [])).toEqual({ allowed: true, range: 'unicast' });
  });
});

describe('spellings', () => {
  test('the zone of an address does not matter', () => {
    expect(isAllowed('fe80::1%eth0', [])).toEqual({ allowed: false, range: 'linkLocal' });
    expect(isAllowed('fe80::1%eth0', ['fe80::/10']).allowed).toBe(true);
  });

  test.each(['', 'localhost', '127.1', '0x7f.0.0.1', '0177.0.0.1', '2130706433', '127.0.0.1.', '[::1]', '1.1.1.1/32'])(
    '%j is no address and not allowed, whatever the class lists',
    (text) => {
      expect(isAllowed(text, ['0.0.0.0/0', '::/0'])).toEqual({ allowed: false, range: 'invalid' });
    },
  );

  test('an IPv4-mapped address is judged as the IPv4 address, in every spelling', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const mapped = ipaddr.IPv4.parse(address).toIPv4MappedAddress();
        const verdict = isAllowed(address, ['10.0.0.0/8']);
        for (const spelling of [
          `::ffff:${address}`,
          `::FFFF:${address}`,
          `0:0:0:0:0:ffff:${address}`,
          mapped.toNormalizedString(),
        ]) {
          expect(isAllowed(spelling, ['10.0.0.0/8'])).toEqual(verdict);
        }
      }),
    );
  });

  test('no IPv6 address outside 2000::/3 is ever allowed', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const parsed = ipaddr.process(address);
        const inside = parsed.kind() === 'ipv4' || ((parsed as ipaddr.IPv6).parts[0] ?? 0) >> 13 === 1;
        if (!inside) expect(isAllowed(address, []).allowed).toBe(false);
      }),
    );
  });
});

describe('what a class lists', () => {
  test('an IPv4-mapped CIDR means the IPv4 one', () => {
    expect(isAllowed('10.1.2.3', ['::ffff:10.0.0.0/104']).allowed).toBe(true);
    expect(isAllowed('11.1.2.3', ['::ffff:10.0.0.0/104']).range).toBe('unicast');
    expect(isAllowed('192.168.0.1', ['::ffff:10.0.0.0/104']).allowed).toBe(false);
  });

  test('an IPv4 CIDR says nothing about addresses that embed one of it', () => {
    for (const address of ['64:ff9b::10.0.0.1', '2002:a00:1::', '::10.0.0.1']) {
      expect(isAllowed(address, ['10.0.0.0/8']).allowed).toBe(false);
    }
  });

  test('any of several CIDRs may contain the address', () => {
    expect(isAllowed('fd00::1', ['10.0.0.0/8', 'fd00::/8']).allowed).toBe(true);
  });

  test('more policies than are cached are still each judged on their own', () => {
    for (let round = 0; round < 2; round += 1) {
      for (let n = 0; n < 300; n += 1) {
        const cidr = `10.${n % 256}.${n >> 8}.0/24`;
        expect(isAllowed(`10.${n % 256}.${n >> 8}.9`, [cidr]).allowed).toBe(true);
        expect(isAllowed('10.77.77.9', [cidr]).allowed).toBe(false);
      }
    }
  });

  test.each([
    '',
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10/8',
    'fd00::/129',
    'fe80::1%eth0/64',
    '10.0.0.0/8/8',
    '::ffff:10.0.0.0/95',
    'a/8',
    '10.0.0.0/-1',
    '10.0.0.0/ 8',
  ])('%j is refused with the CIDR named', (cidr) => {
    expect(() => parseCIDR(cidr)).toThrow(InvalidCIDRError);
    expect(() => parseCIDR(cidr)).toThrow(`"${cidr}" is not a CIDR`);
    expect(() => isAllowed('10.0.0.1', [cidr])).toThrow(InvalidCIDRError);
  });

  test('a CIDR keeps its family', () => {
    expect(parseCIDR('10.0.0.0/8')).toEqual({ address: '10.0.0.0', prefix: 8, family: 'ipv4' });
    expect(parseCIDR('fd00::/8')).toEqual({ address: 'fd00::', prefix: 8, family: 'ipv6' });
    expect(parseCIDR('::ffff:10.0.0.0/104')).toEqual({ address: '10.0.0.0', prefix: 8, family: 'ipv4' });
  });
});
