/**
 * How a stream on the server differs from the table, and what of it may be changed. Pure.
 */
import type { StreamConfig, StreamInfo } from '@nats-io/jetstream';
import type { ManagedStreamConfig } from './stream-table.ts';

export interface StreamDifference {
  readonly field: string;
  readonly wanted: string;
  readonly found: string;
  /** `Change` = an update does no harm; `Refuse` = the server can't, or messages would be lost or never found. */
  readonly action: 'Change' | 'Refuse';
  /** Why it is refused. */
  readonly reason?: string;
}

/** Sizes, ages and replicas are the administrator's to choose where the streams are not ours to manage. */
const administratorsFields = new Set(['max_bytes', 'num_replicas', 'description', 'sources']);
const immutableFields = new Set(['retention', 'storage', 'max_consumers', 'deny_delete']);

/**
 * @param mode `External` leaves out what an administrator may choose.
 */
export function streamDifferences(
  wanted: ManagedStreamConfig,
  found: Pick<StreamInfo, 'config' | 'state'>,
  mode: 'Manage' | 'External',
): StreamDifference[] {
  const differences: StreamDifference[] = [];
  for (const field of Object.keys(wanted) as (keyof ManagedStreamConfig)[]) {
    if (field === 'metadata' || field === 'name') continue;
    if (mode === 'External' && isAdministrators(field, wanted)) continue;
    const [want, have] = [normalized(field, wanted), normalized(field, found.config)];
    if (want === have || fits(field, wanted, found.config)) continue;
    const reason = refusal(field, wanted, found);
    const base = { field, wanted: want, found: have };
    differences.push(reason === undefined ? { ...base, action: 'Change' } : { ...base, action: 'Refuse', reason });
  }
  for (const [key, want] of Object.entries(wanted.metadata)) {
    const have = found.config.metadata?.[key];
    if (want !== have) {
      differences.push({ field: `metadata ${key}`, wanted: want, found: have ?? 'absent', action: 'Change' });
    }
  }
  return differences;
}

function isAdministrators(field: keyof ManagedStreamConfig, wanted: ManagedStreamConfig): boolean {
  // RETRIES and STATE must keep what they hold: where the table says 0, that stays a demand.
  return administratorsFields.has(field) || (field === 'max_age' && wanted.max_age > 0);
}

function fits(field: keyof ManagedStreamConfig, wanted: ManagedStreamConfig, found: StreamConfig): boolean {
  // More room than needed is no fault, and the server can't change it later.
  return field === 'max_consumers' && found.max_consumers >= wanted.max_consumers;
}

function refusal(
  field: keyof ManagedStreamConfig,
  wanted: ManagedStreamConfig,
  found: Pick<StreamInfo, 'config' | 'state'>,
): string | undefined {
  if (immutableFields.has(field)) return 'the server can not change it on an existing stream';
  const stored = found.state.messages > 0;
  if (field === 'subject_transform' && stored) return 'events stored under the old subjects would never be found';
  if (field === 'subjects' && stored && !includesAll(wanted.subjects, found.config.subjects)) {
    return 'it holds messages on subjects that it would no longer have';
  }
  if (field === 'max_bytes' && wanted.max_bytes < found.state.bytes) return 'it already holds more than that';
  if (
    field === 'max_msgs_per_subject' &&
    stored &&
    isLower(wanted.max_msgs_per_subject, found.config.max_msgs_per_subject)
  ) {
    return 'messages above the limit would be removed';
  }
  return undefined;
}

function includesAll(all: readonly string[], some: readonly string[] | undefined): boolean {
  return (some ?? []).every((subject) => all.includes(subject));
}

function isLower(limit: number, current: number): boolean {
  return limit > 0 && (current <= 0 || limit < current);
}

/** A field as text; what the server leaves out equals its zero value, and what it adds is left out. */
function normalized(field: keyof ManagedStreamConfig, config: Partial<StreamConfig>): string {
  const value = config[field];
  if (field === 'sources') {
    const sources = (config.sources ?? []).map(({ name, filter_subject, subject_transforms }) =>
      JSON.stringify([name, filter_subject ?? '', (subject_transforms ?? []).map(({ src, dest }) => [src, dest])]),
    );
    return sources.sort().join(' ') || 'none';
  }
  if (field === 'subject_transform') {
    const transform = config.subject_transform;
    return transform === undefined ? 'none' : `${transform.src} to ${transform.dest}`;
  }
  if (field === 'subjects') return (config.subjects ?? []).toSorted().join(', ');
  if (value === undefined) return field.startsWith('max_') ? '0' : 'false';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
