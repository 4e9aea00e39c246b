import type { DeliverySettings } from './webhook-config.ts';

/** The delivery settings of the `standard` class, with the given blocks in place of its own. For tests. */
export function deliverySettings(changes: Partial<DeliverySettings> = {}): DeliverySettings {
  return {
    timeouts: { connectMs: 5000, totalMs: 15_000 },
    retry: { scheduleMs: [5000, 300_000, 1_800_000], jitterPercent: 10, retryAfterMaxMs: 3_600_000 },
    responses: [{ statusCodes: ['410'], action: 'Disable' }],
    disable: {
      failingAfter: 3,
      warnAfter: 250,
      afterConsecutiveFailures: 500,
      minFailingDurationMs: 86_400_000,
      afterExhaustedEvents: 0,
      reactivateBy: ['Toggle', 'Annotation', 'URLChange'],
    },
    whileInactive: 'Keep',
    concurrency: 16,
    rateLimit: { requests: 0, perMs: 1000 },
    ordered: false,
    ...changes,
  };
}
