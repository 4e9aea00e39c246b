export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Thousands apart by a space, without decimals. */
export function whole(value: number): string {
  return Number.isFinite(value) ? String(Math.round(value)).replaceAll(/\B(?=(?:\d{3})+$)/g, ' ') : '–';
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : '–';
}
