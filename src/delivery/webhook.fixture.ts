import { deliverySettings } from './settings.fixture.ts';
import type { DeliverySettings, Target, WebhookConfig } from './webhook-config.ts';

/** A target without headers, signature or limits. For tests. */
export function webhookTarget(changes: Partial<Target> = {}): Target {
  return {
    url: 'https://crm.example.com/hooks',
    urlHash: 'sha256:first',
    headers: [],
    signingKeys: [],
    signingScheme: 'StandardWebhooks',
    payloadFormat: 'Raw',
    network: { allowedCIDRs: [] },
    secretValues: [],
    ...changes,
  };
}

/** The Webhook `team-a/crm-sync`, generation 1, with the settings of {@link deliverySettings}. For tests. */
export function webhookConfig(
  changes: Partial<WebhookConfig> = {},
  delivery: Partial<DeliverySettings> = {},
): WebhookConfig {
  return {
    uid: 'uid-1',
    namespace: 'team-a',
    name: 'crm-sync',
    generation: 1,
    source: 'team-a',
    patterns: ['item.created'],
    delivery: deliverySettings(delivery),
    exempt: false,
    suspend: false,
    verification: 'Challenge',
    target: webhookTarget(),
    ...changes,
  };
}
