/** Parts of a URL shorter than this are words rather than credentials. */
const minPartLength = 8;

/**
 * What to mask of a URL that is a credential: all of it, its path and query, and each longer part of those, for a receiver
 * that says "no such hook: <last part>". Expects a valid URL.
 */
export function spellingsOfURL(text: string): string[] {
  const url = new URL(text);
  const parts = [...url.pathname.split('/'), ...[...url.searchParams].flat()];
  const whole = [text, url.href, `${url.pathname}${url.search}`, url.pathname, url.search.slice(1)];
  return [...new Set([...whole, ...parts].filter((part) => part.length >= minPartLength))];
}
