/**
 * Whether a host matches a pattern of `admission.allowedHosts`: `*` stands for one label or a part of one, `**` for one or
 * more labels; each for at least one character. Case and a final dot don't matter.
 *
 * Follows all readings of the pattern at once instead of building a regular expression: its time is bounded by the product
 * of both lengths whatever the pattern.
 */
export function matchesHost(glob: string, host: string): boolean {
  const tokens = normalise(glob).match(/\*\*|./g) ?? [];
  let reached = new Set([0]);
  for (const character of normalise(host)) {
    const next = new Set<number>();
    for (const index of reached) {
      const token = tokens[index];
      if (token === character) next.add(index + 1);
      if (token === '**' || (token === '*' && character !== '.')) next.add(index).add(index + 1);
    }
    reached = next;
  }
  return reached.has(tokens.length);
}

function normalise(host: string): string {
  const lower = host.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}
