/**
 * Every subject, stream name and header of ours, declared once. Tokens must be safe for a subject: uids are Kubernetes
 * UUIDs, keys come from `deliveryKey`.
 */

/** Names of the managed streams; each is configurable. */
export interface StreamNames {
  readonly events: string;
  readonly retries: string;
  readonly backlog: string;
  readonly deadLetters: string;
  /** Name of the KV bucket; its stream is `KV_<bucket>`. */
  readonly stateBucket: string;
}

export const defaultStreamNames: StreamNames = {
  events: 'EVENTS',
  retries: 'RETRIES',
  backlog: 'BACKLOG',
  deadLetters: 'DEADLETTERS',
  stateBucket: 'webhook-operator-state',
};

/** The stream behind a KV bucket. */
export const stateStream = (names: StreamNames): string => `KV_${names.stateBucket}`;

/** What a producer publishes to: `events.<source>.<type>`. The stream stores it as `events.<partition>.<source>.<type>`. */
export const eventSubject = (source: string, type: string): string => `events.${source}.${type}`;
/** Every event of a partition. */
export const partitionFilter = (partition: number): string => `events.${partition}.>`;
/** Every event of a source within its partition. */
export const sourceFilter = (partition: number, source: string): string => `events.${partition}.${source}.>`;

export const retryScheduleSubject = (slot: number, uid: string, key: string): string =>
  `retry.sched.${slot}.${uid}.${key}`;
/** All schedules of a webhook. */
export const retryScheduleFilter = (slot: number, uid: string): string => `retry.sched.${slot}.${uid}.>`;
export const retryDueSubject = (slot: number, uid: string): string => `retry.due.${slot}.${uid}`;
/** All due retries of a slot. */
export const retryDueFilter = (slot: number): string => `retry.due.${slot}.>`;
/** Everything of a slot in RETRIES, scheduled or due. */
export const retrySlotFilter = (slot: number): string => `retry.*.${slot}.>`;

export const backlogSubject = (slot: number, uid: string): string => `backlog.${slot}.${uid}`;
export const backlogSlotFilter = (slot: number): string => `backlog.${slot}.*`;

export const deadLetterSubject = (slot: number, uid: string): string => `dead.${slot}.${uid}`;
export const deadLetterSlotFilter = (slot: number): string => `dead.${slot}.*`;

/** KV keys that are no uid: the claim and the floor of a slot. */
export const reservedStateKeys = { owner: 'owner', floor: 'floor' } as const;
/** `key` is a webhook's uid or one of {@link reservedStateKeys}. */
export const stateSubject = (names: StreamNames, slot: number, key: string): string =>
  `$KV.${names.stateBucket}.${slot}.${key}`;
export const stateSlotFilter = (names: StreamNames, slot: number): string => `$KV.${names.stateBucket}.${slot}.*`;

/** A subject of RETRIES, BACKLOG or DEADLETTERS taken apart. */
export interface DeliverySubject {
  readonly kind: 'RetrySchedule' | 'RetryDue' | 'Backlog' | 'DeadLetter';
  readonly slot: number;
  readonly uid: string;
  /** Only of a schedule. */
  readonly key?: string;
}

/** Undefined for a subject that is none of ours. */
export function parseDeliverySubject(subject: string): DeliverySubject | undefined {
  const tokens = subject.split('.');
  const [first, second] = tokens;
  if (first === 'retry' && second === 'sched' && tokens.length === 5) {
    return deliverySubject('RetrySchedule', tokens[2], tokens[3], tokens[4]);
  }
  if (first === 'retry' && second === 'due' && tokens.length === 4) {
    return deliverySubject('RetryDue', tokens[2], tokens[3]);
  }
  if (first === 'backlog' && tokens.length === 3) return deliverySubject('Backlog', tokens[1], tokens[2]);
  if (first === 'dead' && tokens.length === 3) return deliverySubject('DeadLetter', tokens[1], tokens[2]);
  return undefined;
}

function deliverySubject(
  kind: DeliverySubject['kind'],
  slotToken: string | undefined,
  uid: string | undefined,
  key?: string,
): DeliverySubject | undefined {
  const slot = parseNumberToken(slotToken);
  if (slot === undefined || !uid || key === '') return undefined;
  return key === undefined ? { kind, slot, uid } : { kind, slot, uid, key };
}

/** The key and slot of a STATE subject; undefined for a foreign one. */
export function parseStateSubject(
  names: StreamNames,
  subject: string,
): { readonly slot: number; readonly key: string } | undefined {
  const prefix = `$KV.${names.stateBucket}.`;
  if (!subject.startsWith(prefix)) return undefined;
  const [slotToken, key, ...rest] = subject.slice(prefix.length).split('.');
  const slot = parseNumberToken(slotToken);
  if (slot === undefined || !key || rest.length > 0) return undefined;
  return { slot, key };
}

function parseNumberToken(token: string | undefined): number | undefined {
  return token !== undefined && /^(?:0|[1-9]\d{0,8})$/.test(token) ? Number(token) : undefined;
}

/** Headers on messages in our own streams. */
export const recordHeaders = {
  eventID: 'Webhook-Operator-Event-Id',
  eventType: 'Webhook-Operator-Event-Type',
  attempt: 'Webhook-Operator-Attempt',
  firstAttempt: 'Webhook-Operator-First-Attempt',
  lastStatus: 'Webhook-Operator-Last-Status',
  lastReason: 'Webhook-Operator-Last-Reason',
  lastMessage: 'Webhook-Operator-Last-Message',
  /** The producer's headers as JSON: copied one by one, `Nats-TTL` and its like would act on our stream. */
  producerHeaders: 'Webhook-Operator-Headers',
  key: 'Webhook-Operator-Key',
  eventSequence: 'Webhook-Operator-Event-Sequence',
  storedAt: 'Webhook-Operator-Stored',
  dueAt: 'Webhook-Operator-Due',
  heldBy: 'Webhook-Operator-Held-By',
  epoch: 'Webhook-Operator-Epoch',
  scheduleID: 'Webhook-Operator-Schedule-Id',
  /** `true`: the body and the producer's headers are those of the event in EVENTS. */
  reference: 'Webhook-Operator-Reference',
} as const;
