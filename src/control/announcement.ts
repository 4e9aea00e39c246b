import type { EventReason } from '../api/event-reasons.ts';

/** The Webhook that an announcement is about. */
export interface AnnouncedWebhook {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A Kubernetes Event without the object that it is about. */
export interface EventNote {
  readonly reason: EventReason;
  readonly type: 'Normal' | 'Warning';
  /** What was done or tried, CamelCase. */
  readonly action: string;
  /** At most 1024 bytes. */
  readonly note: string;
}

/** A message for EVENTS that tells tenants' own webhooks what happened to one of them. */
export interface OperationalEvent {
  /** `events.<namespace>.webhook-operator.<what>` */
  readonly subject: string;
  /** The JSON body. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** One fact for both audiences; a member is absent when that audience hears nothing of it. */
export interface Announcement {
  readonly event?: EventNote;
  readonly operational?: OperationalEvent;
}
