import type { Policy } from './recording-receiver.ts';
import type { WebhookSpec } from './stand.ts';

/** One for each way that a delivery can take through the engine; events come to all four alike. */
const kinds = ['steady', 'flaky', 'slow', 'narrow'] as const;

/** Four Webhooks a namespace; see {@link mixedAnswers}. */
export function mixedWebhooks(namespaces: readonly string[]): WebhookSpec[] {
  return namespaces.flatMap((namespace) =>
    kinds.map((name) => ({ namespace, name, ...(name === 'narrow' ? { delivery: { concurrency: 1 } } : {}) })),
  );
}

/**
 * - `steady` takes everything, so that only the hot path is used.
 * - `flaky` refuses one first attempt of ten, which then waits in RETRIES.
 * - `slow` takes 3 s for one event of ten: longer than an event may stay unacknowledged, so those are parked in RETRIES.
 * - `narrow` takes one event at a time and up to 110 ms for it: what comes faster waits in its backlog.
 */
export const mixedAnswers: Policy = ({ webhook, eventID, attempt }) => {
  const number = Number(eventID.slice(eventID.lastIndexOf('-') + 1));
  const delayMs = 20 + (number % 6) * 40;
  switch (webhook.slice(webhook.indexOf('/') + 1)) {
    case 'flaky':
      return { status: attempt === 1 && number % 10 < 1 ? 503 : 200, delayMs };
    case 'slow':
      return { delayMs: number % 10 < 1 ? 3000 : delayMs };
    case 'narrow':
      return { delayMs: delayMs / 2 };
    default:
      return { delayMs };
  }
};
