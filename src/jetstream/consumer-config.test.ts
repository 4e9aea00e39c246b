import type { ConsumerConfig } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { newConsumerConfig, updatedConsumerConfig } from './consumer-config.ts';
import { pullExpiresMs } from './pull-subscription.ts';

const spec = { stream: 'EVENTS', durable: 'events-1', filterSubject: 'events.1.>', maxAckPending: 4096 };

test('a new consumer has every limit explicit and begins at the first message', () => {
  expect(newConsumerConfig(spec)).toEqual({
    name: 'events-1',
    durable_name: 'events-1',
    filter_subject: 'events.1.>',
    deliver_policy: 'all',
    ack_policy: 'explicit',
    replay_policy: 'instant',
    ack_wait: 30e9,
    max_deliver: -1,
    max_ack_pending: 4096,
    max_waiting: 512,
  });
});

test('a start sequence is where it begins', () => {
  expect(newConsumerConfig({ ...spec, startSequence: 1 })).toMatchObject({ deliver_policy: 'all' });
  expect(newConsumerConfig({ ...spec, startSequence: 42 })).toMatchObject({
    deliver_policy: 'by_start_sequence',
    opt_start_seq: 42,
  });
});

test('a pin outlasts a pull request', () => {
  const config = newConsumerConfig({ ...spec, pinnedGroup: 'g1' });
  expect(config).toMatchObject({ priority_policy: 'pinned_client', priority_groups: ['g1'] });
  expect(config.priority_timeout).toBeGreaterThan(pullExpiresMs * 1e6);
});

test('an update keeps the position and everything else, and is none when nothing differs', () => {
  const current = { ...newConsumerConfig({ ...spec, pinnedGroup: 'g1', startSequence: 9 }), metadata: { a: 'b' } };
  const found = current as ConsumerConfig;
  expect(updatedConsumerConfig(found, { ...spec, pinnedGroup: 'g1', startSequence: 500 })).toBeUndefined();
  expect(updatedConsumerConfig(found, { ...spec, pinnedGroup: 'g2' })).toEqual({ ...current, priority_groups: ['g2'] });
  expect(updatedConsumerConfig(found, { ...spec, pinnedGroup: 'g1', ackWaitMs: 1000 })).toMatchObject({
    ack_wait: 1e9,
    opt_start_seq: 9,
  });
});
