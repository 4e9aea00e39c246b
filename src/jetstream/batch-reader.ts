/**
 * Batch direct get: many answers to one request. One inbox serves all requests (the client's own reader subscribes anew for
 * each and leaves the subscription open for seconds).
 */
import type { Msg, Subscription as NatsSubscription } from '@nats-io/transport-node';
import { createInbox } from '@nats-io/transport-node';
import type { Clock, Timer } from '../clock.ts';
import { ApiRefusal, fromClientError } from './broker-errors.ts';
import { BrokerError, type StoredMessage } from './broker.ts';
import type { NatsLink } from './connection.ts';
import { DirectMessage } from './nats-messages.ts';

/** Silence after which a batch is given up; each message of it begins anew. */
const silenceMs = 5000;
/** A batch ends early at this size, but never before its first message: 64 events of 1 MiB are too many at once. */
const maxBatchBytes = 4 * 1024 * 1024;

interface Batch {
  readonly messages: StoredMessage[];
  readonly limit: number;
  timer: Timer;
  readonly resolve: (messages: StoredMessage[]) => void;
  readonly reject: (error: BrokerError) => void;
}

export class BatchReader {
  readonly #link: NatsLink;
  readonly #clock: Clock;
  readonly #batches = new Map<string, Batch>();
  readonly #inbox: string;
  #subscription: NatsSubscription | undefined;
  #next = 0;

  constructor(link: NatsLink, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
    this.#inbox = createInbox(link.inboxPrefix);
    link.onChange((connected) => {
      if (!connected) this.#failAll('the connection was lost');
    });
  }

  /** At most `limit` messages of `subject` from `fromSequence` on, ascending; fewer do not mean that these are all. */
  read(stream: string, subject: string, fromSequence: number, limit: number): Promise<StoredMessage[]> {
    if (!this.#link.connected) return Promise.reject(new BrokerError('Unavailable', 'Direct get: not connected'));
    this.#next += 1;
    const token = this.#next.toString(36);
    return new Promise((resolve, reject) => {
      const timer = this.#expireLater(token);
      this.#batches.set(token, { messages: [], limit, timer, resolve, reject });
      try {
        this.#subscription ??= this.#subscribe();
        const request = JSON.stringify({
          seq: Math.max(1, fromSequence),
          next_by_subj: subject,
          batch: limit,
          max_bytes: maxBatchBytes,
        });
        this.#link.connection.publish(`$JS.API.DIRECT.GET.${stream}`, request, { reply: `${this.#inbox}.${token}` });
      } catch (error) {
        this.#fail(token, fromClientError(error, 'Direct get'));
      }
    });
  }

  close(): void {
    this.#subscription?.unsubscribe();
    this.#failAll('closed');
  }

  #subscribe(): NatsSubscription {
    return this.#link.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) {
          this.#receive(message);
          return;
        }
        this.#subscription = undefined;
        for (const token of this.#batches.keys()) this.#fail(token, fromClientError(error, 'Direct get'));
      },
    });
  }

  #receive(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length + 1);
    const batch = this.#batches.get(token);
    if (batch === undefined) return;
    const status = message.headers?.code ?? 0;
    if (status === 0) {
      batch.messages.push(new DirectMessage(message));
      this.#clock.clearTimer(batch.timer);
      batch.timer = this.#expireLater(token);
      return;
    }
    // 204: end of batch. 404: nothing from that sequence on.
    if (status === 204 || status === 404) {
      this.#finish(token, batch);
      batch.resolve(batch.messages);
      return;
    }
    const description = message.headers?.description ?? '';
    this.#fail(token, new ApiRefusal({ code: status, description: description || 'no responders' }, 'Direct get'));
  }

  #expireLater(token: string): Timer {
    return this.#clock.setTimer(() => {
      this.#fail(token, new BrokerError('Unavailable', 'Direct get: timeout'));
    }, silenceMs);
  }

  #failAll(reason: string): void {
    for (const token of this.#batches.keys())
      this.#fail(token, new BrokerError('Unavailable', `Direct get: ${reason}`));
  }

  #fail(token: string, error: BrokerError): void {
    const batch = this.#batches.get(token);
    if (batch === undefined) return;
    this.#finish(token, batch);
    batch.reject(error);
  }

  #finish(token: string, batch: Batch): void {
    this.#batches.delete(token);
    this.#clock.clearTimer(batch.timer);
  }
}
