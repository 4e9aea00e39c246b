import { messageOf } from '../errors.ts';
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

/** Told what a filter could not do. */
export interface FilterFaults {
  filterFailed(message: string): void;
}

/** Whether the webhook's filter wants the event. An error in the filter is no match; it is counted and shown. */
export function filterAccepts(
  config: Pick<WebhookConfig, 'filter'>,
  faults: FilterFaults,
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
  } catch (error) {
    faults.filterFailed(messageOf(error));
    return false;
  }
}
