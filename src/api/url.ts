import { z } from 'zod';
import type { Rule } from './rules.ts';
import { matches, matchesNot, withRules } from './rules.ts';

/** Longest URL that any class can admit. */
export const maxURLLength = 4096;

/** What a target URL must look like, wherever it comes from. */
const urlRules: readonly Rule<string>[] = [
  matches('^[hH][tT][tT][pP][sS]?://', 'url must start with http:// or https://'),
  // WHATWG takes a backslash for a slash, RFC 3986 doesn't: what one reads as path is host to the other.
  matches(
    '^[!-[\\]-~]*$',
    'url must be printable ASCII without spaces and backslashes: percent-encode everything else',
  ),
  matchesNot(
    '^[a-zA-Z]+://[^/?#]*@',
    'url must not contain a user name or password: put credentials into spec.headers',
  ),
  matchesNot('#', 'url must not contain a fragment (#…): it is never sent'),
  matches(
    '^[^:]*://([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?([/?].*)?$',
    'url must name a host (a DNS name, an IPv4 address, an IPv6 address in brackets) and may name a port number after a colon',
  ),
];

/**
 * Why a text is no target URL, or undefined when it is one. Also says no to what only a full parse sees, such as the
 * host `1.2.3.4.5` or port 65536. The text is not repeated in the message: a URL may be a credential.
 */
export function urlProblem(url: string): string | undefined {
  if (url.length > maxURLLength) return `url must not be longer than ${maxURLLength} characters`;
  const broken = urlRules.find((rule) => !rule.test(url));
  if (broken !== undefined) return broken.message;
  return URL.canParse(url) ? undefined : 'url must have a valid host and a port below 65536';
}

export const urlSchema = withRules(z.string().min(1).max(maxURLLength), urlRules).refine(
  (url) => URL.canParse(url),
  'url must have a valid host and a port below 65536',
);
