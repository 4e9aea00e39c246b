import { apiVersion, webhookNames } from '../api/metadata.ts';
import { sleep, type Clock } from '../clock.ts';
import type { EventContent } from '../delivery/delivery.ts';
import type { LossReason } from '../delivery/lane-services.ts';
import type { Transition } from '../delivery/webhook-state.ts';
import { messageOf } from '../errors.ts';
import { BrokerError, type Broker } from '../jetstream/broker.ts';
import type { LastFailure } from '../jetstream/delivery-record.ts';
import type { EventRecorder } from '../kubernetes/event-recorder.ts';
import type { Logger } from '../logger.ts';
import type { AnnouncedWebhook, Announcement, OperationalEvent } from './announcement.ts';
import { DeadLetterDigest, LossDigest } from './announcement-digest.ts';
import { announceTransition, announceVerificationFailure } from './announcements.ts';
import type { VerificationProgress } from './lane-view.ts';

const publishTries = 5;
const publishAgainMs = 2_000;

export interface AnnouncerOptions {
  readonly recorder: Pick<EventRecorder, 'record'>;
  readonly broker: Pick<Broker, 'publish'>;
  /** Undefined for a Webhook that is not ours any more: its new owner speaks for it. */
  readonly webhookOf: (uid: string) => AnnouncedWebhook | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells the world what happens to Webhooks: as Kubernetes Events and as operational events. Never throws, never waits. */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #deadLetters: DeadLetterDigest;
  readonly #losses: LossDigest;
  readonly #publishing = new Set<Promise<void>>();
  #stopped = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    const announce = (webhook: AnnouncedWebhook, announcement: Announcement): void =>
      this.#announce(webhook, announcement);
    this.#deadLetters = new DeadLetterDigest({ clock: options.clock, announce });
    this.#losses = new LossDigest({ clock: options.clock, announce });
  }

  transitioned(uid: string, transitions: readonly Transition[], eventType: string | undefined): void {
    const webhook = this.#options.webhookOf(uid);
    if (webhook === undefined) return;
    const now = this.#options.clock.now();
    for (const transition of transitions) {
      this.#announce(webhook, announceTransition(webhook, transition, eventType, now));
    }
  }

  verificationFailed(uid: string, { lastFailure, nextTryAt }: VerificationProgress): void {
    const webhook = this.#options.webhookOf(uid);
    if (webhook === undefined || lastFailure === undefined) return;
    this.#announce(webhook, announceVerificationFailure(lastFailure, nextTryAt));
  }

  deadLettered(uid: string, content: EventContent, { reason, message }: LastFailure): void {
    const webhook = this.#options.webhookOf(uid);
    if (webhook === undefined) return;
    this.#deadLetters.add(webhook, { eventType: content.type, eventID: content.id, reason, message });
  }

  lost(uid: string, reason: LossReason, count: number): void {
    const webhook = this.#options.webhookOf(uid);
    if (webhook !== undefined) this.#losses.add(webhook, reason, count);
  }

  /** The Webhook is gone, or another replica's. */
  forget(uid: string): void {
    this.#deadLetters.forget(uid);
    this.#losses.forget(uid);
  }

  /** Tells what was collected; resolves when what can be published is. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#deadLetters.flush();
    this.#losses.flush();
    await Promise.all(this.#publishing);
  }

  #announce(webhook: AnnouncedWebhook, { event, operational }: Announcement): void {
    const { recorder } = this.#options;
    if (event !== undefined)
      recorder.record({ regarding: { apiVersion, kind: webhookNames.kind, ...webhook }, ...event });
    if (operational === undefined) return;
    const publishing = this.#publish(operational).finally(() => this.#publishing.delete(publishing));
    this.#publishing.add(publishing);
  }

  async #publish({ subject, body }: OperationalEvent): Promise<void> {
    const { broker, clock, logger } = this.#options;
    const data = Buffer.from(JSON.stringify(body));
    const headers = { 'content-type': 'application/json' };
    for (let tries = 1; ; tries += 1) {
      try {
        await broker.publish(subject, data, { headers });
        return;
      } catch (error) {
        // Status and Kubernetes Events tell the same: an operational event is not worth more than a few tries.
        const mayPass = error instanceof BrokerError && error.kind === 'Unavailable';
        if (!mayPass || this.#stopped || tries >= publishTries) {
          logger.error('Operational event was not published', { subject, reason: messageOf(error) });
          return;
        }
        await sleep(clock, publishAgainMs);
      }
    }
  }
}
