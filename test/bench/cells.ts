/** What is measured: each cell is a world of its own, with so many Webhooks over so many namespaces. */
export interface Cell {
  readonly name: string;
  readonly webhooks: number;
  readonly namespaces: number;
  /** Every event goes to every webhook; otherwise each event goes to one, in turn. */
  readonly fanOut: boolean;
}

const maxNamespaces = 1000;

/** The cells of a run over these numbers of Webhooks, and a fan-out to `fanOut` Webhooks. */
export function cellsFor(webhooks: readonly number[], fanOut: number): Cell[] {
  const cells: Cell[] = webhooks.map((count) => ({
    name: `one-namespace-${count}`,
    webhooks: count,
    namespaces: 1,
    fanOut: false,
  }));
  for (const count of webhooks) {
    // With one Webhook there is nothing to spread: it would be the same cell again.
    if (count === 1) continue;
    const namespaces = Math.min(maxNamespaces, count);
    cells.push({ name: `many-namespaces-${count}`, webhooks: count, namespaces, fanOut: false });
  }
  cells.push({ name: `fan-out-${fanOut}`, webhooks: fanOut, namespaces: 1, fanOut: true });
  return cells;
}

export interface CellWebhook {
  readonly namespace: string;
  readonly name: string;
  /** The one event type that it asks for. */
  readonly type: string;
}

export function namespacesOf(cell: Cell): string[] {
  return Array.from({ length: cell.namespaces }, (_, index) => `bench-${index}`);
}

export function webhooksOf(cell: Cell): CellWebhook[] {
  return Array.from({ length: cell.webhooks }, (_, index) => ({
    namespace: `bench-${index % cell.namespaces}`,
    name: `webhook-${index}`,
    type: cell.fanOut ? 'bench.all' : `bench.n${index}`,
  }));
}

/** What producers publish to, in turn. */
export function subjectsOf(cell: Cell): string[] {
  return [...new Set(webhooksOf(cell).map(({ namespace, type }) => `events.${namespace}.${type}`))];
}
