/**
 * The streams that the operator works on, as configurations of the server. Pure; `docs/architecture.md` gives the reasons.
 */
import type { StreamConfig } from '@nats-io/jetstream';
import { stateStream, type StreamNames } from './subjects.ts';

/** Another stream whose messages come in as events. */
export interface EventSource {
  readonly stream: string;
  /** Which of its subjects, wildcards allowed. */
  readonly subject: string;
  readonly source: string;
  /** The event type, with the wildcards of `subject` in the same order. */
  readonly type: string;
}

/** A number per stream. */
export interface PerStream {
  readonly events: number;
  readonly retries: number;
  readonly backlog: number;
  readonly deadLetters: number;
  readonly state: number;
}

export interface StreamTableOptions {
  readonly names: StreamNames;
  readonly replicas: number;
  readonly partitions: number;
  readonly shards: number;
  /** Bytes. The sum should stay below 80 % of the volume. */
  readonly maxBytes: PerStream;
  /** Milliseconds. RETRIES and STATE keep what they hold. */
  readonly maxAgeMs: Pick<PerStream, 'events' | 'backlog' | 'deadLetters'>;
  /** Defaults to none. */
  readonly sources?: readonly EventSource[];
}

const hourMs = 3_600_000;
const gibibyte = 1024 ** 3;

export const defaultMaxAgeMs: StreamTableOptions['maxAgeMs'] = {
  events: 24 * hourMs,
  backlog: 7 * 24 * hourMs,
  deadLetters: 14 * 24 * hourMs,
};

export const defaultMaxBytes: PerStream = {
  events: 4 * gibibyte,
  retries: 2 * gibibyte,
  backlog: 4 * gibibyte,
  deadLetters: 1 * gibibyte,
  state: gibibyte / 4,
};

/** P and S, kept on every stream: fixed at install, because they decide where everything lies. */
export const metadataKeys = {
  partitions: 'webhook-operator.dev/partitions',
  shards: 'webhook-operator.dev/shards',
} as const;

/** Entries of one webhook's backlog; above them an append is refused. */
const maxBacklogPerWebhook = 100_000;
/** Ordered webhooks of an install, each with a consumer of its own. */
export const maxOrderedWebhooks = 200;
/** For tools and people that look into a stream. */
const spareConsumers = 64;
const nanosPerMs = 1e6;

/** Only the fields that matter to the operator, each explicit: defaults differ by server version. */
export type ManagedStreamConfig = Pick<
  StreamConfig,
  | 'name'
  | 'subjects'
  | 'retention'
  | 'storage'
  | 'discard'
  | 'discard_new_per_subject'
  | 'max_consumers'
  | 'max_msgs'
  | 'max_msgs_per_subject'
  | 'max_bytes'
  | 'max_age'
  | 'max_msg_size'
  | 'duplicate_window'
  | 'num_replicas'
  | 'allow_direct'
  | 'deny_purge'
> &
  Partial<
    Pick<
      StreamConfig,
      'subject_transform' | 'sources' | 'allow_msg_schedules' | 'allow_rollup_hdrs' | 'deny_delete' | 'description'
    >
  > & { readonly metadata: Record<string, string> };

export function streamTable(options: StreamTableOptions): ManagedStreamConfig[] {
  const { names, partitions, shards, maxBytes, maxAgeMs } = options;
  const slots = partitions * shards;
  const common = {
    storage: 'file',
    discard: 'old',
    discard_new_per_subject: false,
    max_consumers: spareConsumers,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_age: 0,
    // A larger message in a source would block everything behind it for ever (measured).
    max_msg_size: -1,
    duplicate_window: 120_000 * nanosPerMs,
    num_replicas: options.replicas,
    allow_direct: true,
    deny_purge: false,
    metadata: { [metadataKeys.partitions]: String(partitions), [metadataKeys.shards]: String(shards) },
  } satisfies Partial<ManagedStreamConfig>;
  return [
    {
      ...common,
      name: names.events,
      description: 'Events that producers publish to events.<source>.<type>',
      subjects: ['events.*.>'],
      subject_transform: { src: 'events.*.>', dest: `events.{{partition(${partitions},1)}}.{{wildcard(1)}}.>` },
      sources: (options.sources ?? []).map((source) => ({
        name: source.stream,
        subject_transforms: [{ src: source.subject, dest: `events.${source.source}.${source.type}` }],
      })),
      retention: 'limits',
      max_bytes: maxBytes.events,
      max_age: maxAgeMs.events * nanosPerMs,
      max_consumers: slots + maxOrderedWebhooks + spareConsumers,
      // Ids are compared over the whole stream: a longer window lets one tenant's id swallow another's event.
      duplicate_window: 100 * nanosPerMs,
    },
    {
      ...common,
      name: names.retries,
      description: 'Deliveries that wait for their next attempt',
      subjects: ['retry.sched.*.*.*', 'retry.due.*.*'],
      retention: 'workqueue',
      max_bytes: maxBytes.retries,
      max_consumers: slots + spareConsumers,
      allow_msg_schedules: true,
    },
    {
      ...common,
      name: names.backlog,
      description: 'Deliveries held for a disabled, suspended, slow or overloaded webhook',
      subjects: ['backlog.*.*'],
      retention: 'limits',
      discard: 'new',
      discard_new_per_subject: true,
      max_msgs_per_subject: maxBacklogPerWebhook,
      max_bytes: maxBytes.backlog,
      max_age: maxAgeMs.backlog * nanosPerMs,
    },
    {
      ...common,
      name: names.deadLetters,
      description: 'Deliveries that ran out of attempts',
      subjects: ['dead.*.*'],
      retention: 'limits',
      max_bytes: maxBytes.deadLetters,
      max_age: maxAgeMs.deadLetters * nanosPerMs,
    },
    {
      ...common,
      // As the tools for KV buckets make and expect it.
      name: stateStream(names),
      description: 'State of webhooks and owners of slots',
      subjects: [`$KV.${names.stateBucket}.>`],
      retention: 'limits',
      discard: 'new',
      max_msgs_per_subject: 1,
      max_bytes: maxBytes.state,
      allow_rollup_hdrs: true,
      deny_delete: true,
    },
  ];
}
