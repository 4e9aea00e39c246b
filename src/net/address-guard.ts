import { BlockList, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { OperatorError } from '../errors.ts';

/** Whether an address may be connected to, and the special-purpose range that it belongs to. */
export interface AddressVerdict {
  readonly allowed: boolean;
  /** `unicast` for a global unicast address, else the range's name (`private`, `loopback`, `6to4`, …). */
  readonly range: string;
}

/** A CIDR of a class can't be read; nothing is allowed because of it. */
export class InvalidCIDRError extends OperatorError {
  readonly code = 'WHO_CIDR_INVALID';

  constructor(cidr: string) {
    super(`"${cidr}" is not a CIDR: write an address, a slash and a prefix length, for example 10.0.0.0/8 or fd00::/8`);
  }
}

const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');
const ipv4Compatible = new BlockList();
ipv4Compatible.addSubnet('::', 96, 'ipv6');

/**
 * Only global unicast addresses may be reached, unless one of `allowedCIDRs` contains the address. An IPv4-mapped IPv6
 * address (`::ffff:a.b.c.d`) is judged as the IPv4 address that the kernel would connect to. Addresses that embed an IPv4
 * address in another way (NAT64, 6to4, Teredo, IPv4-compatible) are never global here: a translator on the way would turn
 * them into any internal address.
 *
 * @param ip an address as `net.isIP` accepts it; a zone id is ignored; anything else is not allowed, range `invalid`.
 * @throws {InvalidCIDRError}
 */
export function isAllowed(ip: string, allowedCIDRs: readonly string[]): AddressVerdict {
  if (isIP(ip) === 0) return { allowed: false, range: 'invalid' };
  const address = parse(ip);
  const range = rangeOf(address);
  if (range === 'unicast') return { allowed: true, range };
  return { allowed: allowList(allowedCIDRs).check(address.toString(), address.kind()), range };
}

/** An address that `net.isIP` accepts. */
function parse(ip: string): ipaddr.IPv4 | ipaddr.IPv6 {
  if (!ip.includes(':')) return ipaddr.parse(ip);
  const zone = ip.indexOf('%');
  // ipaddr.js takes ::a.b.c.d for IPv4-mapped, which it is not: have it written in hexadecimal first.
  const { hostname } = new URL(`http://[${zone === -1 ? ip : ip.slice(0, zone)}]`);
  return ipaddr.process(hostname.slice(1, -1));
}

function rangeOf(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  const range = address.range();
  // ipaddr.js calls everything that it has no name for unicast. In IPv6 only 2000::/3 is assigned for that.
  if (range !== 'unicast' || address.kind() === 'ipv4' || globalUnicast.check(address.toString(), 'ipv6')) return range;
  return ipv4Compatible.check(address.toString(), 'ipv6') ? 'ipv4Compatible' : 'unassigned';
}

/** The network address and prefix length of a CIDR, IPv4-mapped ones as IPv4. @throws {InvalidCIDRError} */
export function parseCIDR(cidr: string): {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
} {
  const [address = '', length = '', ...rest] = cidr.split('/');
  const family = isIP(address);
  const prefix = Number(length);
  const valid = family !== 0 && !address.includes('%') && /^\d{1,3}$/.test(length) && rest.length === 0;
  if (!valid || prefix > (family === 4 ? 32 : 128)) throw new InvalidCIDRError(cidr);
  const parsed = parse(address);
  if (family === 4 || parsed.kind() === 'ipv6') return { address, prefix, family: family === 4 ? 'ipv4' : 'ipv6' };
  if (prefix < 96) throw new InvalidCIDRError(cidr);
  return { address: parsed.toString(), prefix: prefix - 96, family: 'ipv4' };
}

// Policies come from WebhookClasses, of which there are few; the bound only keeps a stream of edits from growing it.
const maxCachedPolicies = 256;
const allowLists = new Map<string, BlockList>();

function allowList(cidrs: readonly string[]): BlockList {
  const key = cidrs.join(' ');
  const cached = allowLists.get(key);
  if (cached !== undefined) return cached;
  const list = new BlockList();
  for (const cidr of cidrs) {
    const { address, prefix, family } = parseCIDR(cidr);
    list.addSubnet(address, prefix, family);
  }
  if (allowLists.size >= maxCachedPolicies) allowLists.clear();
  allowLists.set(key, list);
  return list;
}
