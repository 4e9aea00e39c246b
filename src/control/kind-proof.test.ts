import { expect, test } from 'vitest';
import type { KubeClient } from '../kubernetes/client.ts';
import type { KubeObject } from '../kubernetes/kube-object.ts';
import { servesWebhooks } from './kind-proof.ts';

const name = 'webhooks.webhook-operator.dev';
const served = {
  spec: { versions: [{ name: 'v1alpha1', served: true }] },
  status: { conditions: [{ type: 'Established', status: 'True' }] },
};
const definition = (changes: object = {}): KubeObject => ({
  metadata: { name },
  ...served,
  ...changes,
});

test.each([
  ['it is there and served', [definition()], true],
  ['there are no CRDs', [], false],
  ['only others are there', [definition({ metadata: { name: 'others.example.com' } })], false],
  ['it is being deleted', [definition({ metadata: { name, deletionTimestamp: '2026-01-01T00:00:00Z' } })], false],
  ['our version is not served', [definition({ spec: { versions: [{ name: 'v1alpha1', served: false }] } })], false],
  ['only another version is served', [definition({ spec: { versions: [{ name: 'v1', served: true }] } })], false],
  [
    'it is not established',
    [definition({ status: { conditions: [{ type: 'Established', status: 'False' }] } })],
    false,
  ],
  ['it is quite new', [{ metadata: { name } }], false],
])('whether an empty list of Webhooks is believed: %s', async (_, items, expected) => {
  const list = (async () => ({ items, resourceVersion: '1' })) as KubeClient['list'];
  expect(await servesWebhooks({ list })).toBe(expected);
});
