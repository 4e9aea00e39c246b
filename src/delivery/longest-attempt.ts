import type { DeliverySettings } from './webhook-config.ts';

/**
 * The longest that one attempt can last, in milliseconds. A park is due after this and a margin, so whatever
 * lengthens an attempt must be added here.
 */
export function longestAttemptMs(settings: DeliverySettings): number {
  return settings.timeouts.totalMs;
}
