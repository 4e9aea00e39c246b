/** When a failed delivery is tried again (`docs/delivery.md`). */
import type { DeliverySettings } from './webhook-config.ts';

export type NextAttempt =
  | {
      readonly kind: 'At';
      /** Milliseconds since the epoch, on the clock of `nowMs`. */
      readonly dueAt: number;
      /** The number of the attempt that is due then. */
      readonly attempt: number;
    }
  | { readonly kind: 'Exhausted' };

const exhausted: NextAttempt = { kind: 'Exhausted' };

/**
 * Decides on the attempt after `attempt` (1 = the first) failed. Jitter only adds, `Retry-After` never shortens. An attempt
 * beyond a schedule that was shortened meanwhile is exhausted.
 * @param random Uniform in [0, 1).
 */
export function nextAttempt(
  attempt: number,
  settings: DeliverySettings,
  retryAfterMs: number | undefined,
  random: () => number,
  nowMs: number,
): NextAttempt {
  const delayMs = settings.retry.scheduleMs[attempt - 1];
  if (delayMs === undefined) return exhausted;
  const jitterMs = delayMs * (settings.retry.jitterPercent / 100) * random();
  const waitMs = Math.ceil(Math.max(delayMs, retryAfterMs ?? 0) + jitterMs);
  return { kind: 'At', dueAt: nowMs + waitMs, attempt: attempt + 1 };
}
