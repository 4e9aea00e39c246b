import type { LaneMetrics } from './lane-services.ts';
import type { EventContent } from './delivery.ts';
import type { WebhookConfig } from './webhook-config.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });
// JSON is parsed once per event, however many filters look at it.
const parsed = new WeakMap<EventContent, { readonly data: unknown }>();

function dataOf(content: EventContent): unknown {
  const known = parsed.get(content);
  if (known !== undefined) return known.data;
  let data: unknown;
  try {
    data = content.data === undefined ? undefined : JSON.parse(decoder.decode(content.data));
  } catch {
    // Not JSON: the filter sees no data.
    data = undefined;
  }
  parsed.set(content, { data });
  return data;
}

/** Whether the webhook's filter wants the event. An error in the filter is no match; it is counted, and shown in metrics. */
export function filterAccepts(
  config: Pick<WebhookConfig, 'filter'>,
  metrics: Pick<LaneMetrics, 'filterFailed'>,
  content: EventContent,
): boolean {
  const { filter } = config;
  if (filter === undefined) return true;
  try {
    return filter.matches({
      type: content.type,
      data: dataOf(content),
      headers: content.producer.headers(),
      id: content.id,
      time: new Date(content.storedAt).toISOString(),
    });
  } catch {
    metrics.filterFailed();
    return false;
  }
}
