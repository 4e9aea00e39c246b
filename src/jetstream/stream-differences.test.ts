import type { StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { streamDifferences } from './stream-differences.ts';
import {
  defaultMaxAgeMs,
  defaultMaxBytes,
  metadataKeys,
  streamTable,
  type ManagedStreamConfig,
} from './stream-table.ts';
import { defaultStreamNames as names } from './subjects.ts';

const table = streamTable({
  names,
  replicas: 1,
  partitions: 16,
  shards: 2,
  maxBytes: defaultMaxBytes,
  maxAgeMs: defaultMaxAgeMs,
  sources: [{ stream: 'ORDERS', subject: 'orders.>', source: 'shop', type: 'order.>' }],
});
const wantedOf = (name: string): ManagedStreamConfig => table.find((stream) => stream.name === name)!;

function found(wanted: ManagedStreamConfig, change: Partial<StreamConfig>, state: { messages: number; bytes: number }) {
  // The server returns more than was asked for.
  const config = { ...wanted, compression: 'none', ...change };
  return { config, state } as unknown as StreamInfo;
}

const empty = { messages: 0, bytes: 0 };
const filled = { messages: 10, bytes: 10_000_000 };

test.for(table.map(({ name }) => name))('%s as made has no difference', (name) => {
  const wanted = wantedOf(name);
  expect(streamDifferences(wanted, found(wanted, {}, filled), 'Manage')).toEqual([]);
  expect(streamDifferences(wanted, found(wanted, {}, filled), 'External')).toEqual([]);
});

test('what the server leaves out is its zero value', () => {
  const wanted = wantedOf(names.events);
  const { discard_new_per_subject, deny_purge, ...rest } = wanted;
  expect({ discard_new_per_subject, deny_purge }).toEqual({ discard_new_per_subject: false, deny_purge: false });
  const info = { config: rest, state: empty } as unknown as StreamInfo;
  expect(streamDifferences(wanted, info, 'Manage')).toEqual([]);
});

const refused: [string, keyof StreamConfig, Partial<StreamConfig>][] = [
  [names.events, 'retention', { retention: 'interest' }],
  [names.events, 'storage', { storage: 'memory' }],
  [names.events, 'max_consumers', { max_consumers: 5 }],
  [names.events, 'subject_transform', { subject_transform: { src: 'events.*.>', dest: 'events.1.>' } }],
  [names.events, 'subjects', { subjects: ['events.*.>', 'legacy.>'] }],
  [names.backlog, 'max_msgs_per_subject', { max_msgs_per_subject: -1 }],
  [names.backlog, 'max_msgs_per_subject', { max_msgs_per_subject: 200_000 }],
];
test.for(refused)('on %s, another %s is refused while it holds messages', ([name, field, change]) => {
  const wanted = wantedOf(name);
  const differences = streamDifferences(wanted, found(wanted, change, filled), 'Manage');
  expect(differences).toEqual([expect.objectContaining({ field, action: 'Refuse', reason: expect.any(String) })]);
});

test('a limit below what is stored is refused', () => {
  const wanted = { ...wantedOf(names.backlog), max_bytes: 1000 };
  const info = found(wanted, { max_bytes: 50_000_000 }, filled);
  expect(streamDifferences(wanted, info, 'Manage')).toMatchObject([{ field: 'max_bytes', action: 'Refuse' }]);
  expect(streamDifferences(wanted, { ...info, state: { ...info.state, bytes: 10 } }, 'Manage')).toMatchObject([
    { field: 'max_bytes', action: 'Change' },
  ]);
});

const changed: [string, keyof StreamConfig, Partial<StreamConfig>][] = [
  [names.events, 'max_age', { max_age: 1e9 }],
  [names.events, 'duplicate_window', { duplicate_window: 2e9 }],
  [names.events, 'subject_transform', { subject_transform: undefined as never }],
  [names.events, 'sources', { sources: [] }],
  [names.events, 'num_replicas', { num_replicas: 3 }],
  [names.backlog, 'max_msgs_per_subject', { max_msgs_per_subject: 10 }],
  [names.retries, 'allow_msg_schedules', { allow_msg_schedules: false }],
  [names.deadLetters, 'subjects', { subjects: [] }],
];
test.for(changed)('on %s, another %s is changed while it is empty', ([name, field, change]) => {
  const wanted = wantedOf(name);
  const differences = streamDifferences(wanted, found(wanted, change, empty), 'Manage');
  expect(differences).toEqual([expect.objectContaining({ field, action: 'Change' })]);
});

test('what is not there shows as none', () => {
  const wanted = wantedOf(names.events);
  const nothing = { sources: undefined, subjects: undefined, subject_transform: undefined } as never;
  expect(streamDifferences(wanted, found(wanted, nothing, empty), 'Manage')).toMatchObject([
    { field: 'subjects', found: '' },
    { field: 'subject_transform', found: 'none' },
    { field: 'sources', found: 'none' },
  ]);
  const foreign = found(wanted, { sources: [{ name: 'ORDERS', filter_subject: 'orders.>' }] }, empty);
  expect(streamDifferences(wanted, foreign, 'Manage')).toMatchObject([
    { field: 'sources', found: '["ORDERS","orders.>",[]]' },
  ]);
});

test('a limit or subjects that the server leaves out count as 0 and none, also on a stream that holds messages', () => {
  const wanted = wantedOf(names.backlog);
  const nothing = { subjects: undefined, max_age: undefined } as never;
  expect(streamDifferences(wanted, found(wanted, nothing, filled), 'Manage')).toMatchObject([
    { field: 'max_age', found: '0', action: 'Change' },
    { field: 'subjects', found: '', action: 'Change' },
  ]);
});

test('more consumers than needed are no difference', () => {
  const wanted = wantedOf(names.events);
  expect(streamDifferences(wanted, found(wanted, { max_consumers: 5000 }, filled), 'Manage')).toEqual([]);
});

test('sizes, ages and replicas are the administrators choice on an external stream, a demanded 0 is not', () => {
  const free = { max_bytes: 1, max_age: 1e9, num_replicas: 3, sources: [], description: 'ours' };
  const events = wantedOf(names.events);
  expect(streamDifferences(events, found(events, free, filled), 'External')).toEqual([]);
  const retries = wantedOf(names.retries);
  expect(streamDifferences(retries, found(retries, { max_age: 1e9 }, filled), 'External')).toMatchObject([
    { field: 'max_age', wanted: '0', found: '1000000000' },
  ]);
});

test('partitions and shards are compared, other metadata is not', () => {
  const wanted = wantedOf(names.events);
  const metadata = { [metadataKeys.partitions]: '16', owner: 'platform' };
  expect(streamDifferences(wanted, found(wanted, { metadata }, filled), 'Manage')).toEqual([
    { field: `metadata ${metadataKeys.shards}`, wanted: '2', found: 'absent', action: 'Change' },
  ]);
});
