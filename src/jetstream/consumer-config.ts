/**
 * A consumer's specification as the server's configuration, and what differs between the two. Pure.
 */
import type { ConsumerConfig } from '@nats-io/jetstream';
import type { ConsumerSpec } from './broker.ts';

const nanosPerMs = 1e6;
const defaultAckWaitMs = 30_000;
/** Longer than a pull request lasts: else a healthy owner loses the pin again and again (measured). */
const pinTimeoutMs = 30_000;
const maxWaiting = 512;

/** The fields that the operator sets on every consumer; everything is explicit, because defaults differ by server version. */
export type ManagedConsumerConfig = Pick<
  ConsumerConfig,
  'filter_subject' | 'ack_wait' | 'max_deliver' | 'max_ack_pending'
> &
  Partial<Pick<ConsumerConfig, 'priority_policy' | 'priority_groups' | 'priority_timeout'>>;

function managedConfig(spec: ConsumerSpec): ManagedConsumerConfig {
  return {
    filter_subject: spec.filterSubject,
    ack_wait: (spec.ackWaitMs ?? defaultAckWaitMs) * nanosPerMs,
    // Never given up: attempts are counted by the operator, and a message beyond the count would be an orphan.
    max_deliver: -1,
    max_ack_pending: spec.maxAckPending,
    ...(spec.pinnedGroup === undefined
      ? {}
      : {
          priority_policy: 'pinned_client',
          priority_groups: [spec.pinnedGroup],
          priority_timeout: pinTimeoutMs * nanosPerMs,
        }),
  };
}

/** For a consumer that does not exist yet. */
export function newConsumerConfig(spec: ConsumerSpec): Partial<ConsumerConfig> {
  return {
    ...managedConfig(spec),
    name: spec.durable,
    durable_name: spec.durable,
    ack_policy: 'explicit',
    replay_policy: 'instant',
    max_waiting: maxWaiting,
    ...(spec.startSequence === undefined || spec.startSequence <= 1
      ? { deliver_policy: 'all' }
      : { deliver_policy: 'by_start_sequence', opt_start_seq: spec.startSequence }),
  };
}

/** What the existing configuration must become, or undefined when it fits already. Its position stays. */
export function updatedConsumerConfig(current: ConsumerConfig, spec: ConsumerSpec): ConsumerConfig | undefined {
  const wanted = managedConfig(spec);
  const differs = Object.entries(wanted).some(
    ([name, value]) => JSON.stringify(current[name as keyof ConsumerConfig]) !== JSON.stringify(value),
  );
  return differs ? { ...current, ...wanted } : undefined;
}
