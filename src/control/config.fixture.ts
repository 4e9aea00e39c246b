import { resolveDelivery } from '../api/resolve.ts';
import type { WebhookConfig } from '../delivery/webhook-config.ts';

/** A webhook with defaults everywhere and a target. */
export function configFixture(changes: Partial<WebhookConfig> = {}): WebhookConfig {
  return {
    uid: 'uid-1',
    namespace: 'team-a',
    name: 'crm',
    generation: 1,
    source: 'team-a',
    patterns: ['>'],
    delivery: resolveDelivery({}, {}),
    exempt: false,
    suspend: false,
    verification: 'Challenge',
    target: {
      url: 'https://crm.example.com/hook',
      urlHash: 'sha256:1',
      headers: [],
      signingKeys: [],
      signingScheme: 'None',
      payloadFormat: 'Raw',
      network: { allowedCIDRs: [] },
      secretValues: [],
    },
    ...changes,
  };
}
