import { get } from 'node:http';

/** As Prometheus does by default in the chart's ServiceMonitor. */
const intervalMs = 15_000;

export interface Scraper {
  stop(): void;
}

/** Scrapes `/metrics` as Prometheus does: every 15 s, compressed. What comes is thrown away. */
export function startScraper(url: string): Scraper {
  const timer = setInterval(() => {
    get(url, { headers: { 'accept-encoding': 'gzip' } }, (response) => response.resume()).on('error', () => undefined);
  }, intervalMs);
  return { stop: () => clearInterval(timer) };
}

/** Deliveries that went into a backlog so far, out of an exposition. */
export function heldDeliveries(exposition: string): number {
  return sum(exposition, /^webhook_operator_namespace_deliveries_total\{[^}]*outcome="held"[^}]*\} (\d+)$/gm);
}

/** Deliveries that the operator gave up as lost. */
export function lostEvents(exposition: string): number {
  return sum(exposition, /^webhook_operator_events_lost_total(?:\{[^}]*\})? (\d+)$/gm);
}

function sum(exposition: string, pattern: RegExp): number {
  return [...exposition.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
}
