import { deliverySettings } from './settings.fixture.ts';
import type { DeliverySettings } from './webhook-config.ts';
import type { AttemptContext, FailureRecord, SuccessRecord, WebhookState } from './webhook-state.ts';

/** State of a webhook that was handled at generation 1 with the URL hash `sha256:first`. For tests. */
export function webhookState(changes: Partial<WebhookState> = {}): WebhookState {
  return {
    namespace: 'team-a',
    name: 'crm-sync',
    epoch: 1,
    streak: 0,
    exhausted: 0,
    lost: 0,
    handled: { generation: 1, urlHash: 'sha256:first' },
    ...changes,
  };
}

/** A state disabled at time 50, at epoch 2. For tests. */
export function disabledState(changes: Partial<WebhookState> = {}): WebhookState {
  const verdict = { reason: 'ReceiverGone', message: 'gone', at: 50, failingSince: 10 } as const;
  return webhookState({ epoch: 2, streak: 4, failingSince: 10, verdict, lastDisabled: verdict, ...changes });
}

export function attemptContext(
  changes: Partial<AttemptContext> = {},
  disable: Partial<DeliverySettings['disable']> = {},
): AttemptContext {
  const settings = deliverySettings();
  return {
    epoch: 1,
    settings: { ...settings, disable: { ...settings.disable, ...disable } },
    exempt: false,
    now: 1000,
    thresholdsPaused: false,
    ...changes,
  };
}

export function failureRecord(at = 1000, changes: Partial<FailureRecord> = {}): FailureRecord {
  return { at, eventID: 'evt-1', attempt: 1, statusCode: 500, reason: 'HTTPStatus', message: 'no', ...changes };
}

export function successRecord(at = 1000): SuccessRecord {
  return { at, eventID: 'evt-1', statusCode: 200, durationMs: 12 };
}
