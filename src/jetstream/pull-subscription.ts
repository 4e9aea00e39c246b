/**
 * One continuous pull from a durable consumer, on the wire protocol itself. The client's `consume()` can't pause without losing
 * what is on its way, builds all headers of every message of a pinned consumer, and hides why it fell silent.
 */
import { createInbox, type Msg, type Subscription as NatsSubscription } from '@nats-io/transport-node';
import { sleep, type Timer } from '../clock.ts';
import { ApiRefusal, fromClientError } from './broker-errors.ts';
import { BrokerError, type Subscription, type SubscriptionEnd } from './broker.ts';
import { NatsConsumedMessage } from './nats-messages.ts';
import type { ConsumerInspection, PullOptions } from './pull-options.ts';
import { PullWindow } from './pull-window.ts';

/** How long the server keeps a request open; a pinned consumer's `priority_timeout` must be longer. */
export const pullExpiresMs = 10_000;
const heartbeatMs = 2000;
/**
 * A request without a pin is short and for one message: the server may give it the pin although its group was replaced in the
 * meantime, and a stale owner should not receive a whole batch by that. At least two heartbeats.
 */
const unpinnedExpiresMs = 4000;
/** Silence after which requests count as lost: two heartbeats and a half (measured: a leader change says nothing). */
const silenceMs = 5000;
const tickMs = 1000;
/** Without a message for this long, the consumer is looked at. */
const progressCheckMs = 15_000;
/** After an error status, so that a server in trouble is not asked in a hot loop. */
const retryDelayMs = 250;
/** The same while nobody's pin is ours: a stale owner's last request may have taken it. */
const pinCheckMs = 2000;
/** What the server counted as waiting may have been on its way. */
const inFlightMs = 500;
/** Messages waiting and none delivered for this long, in spite of unpins and fresh requests. */
const stalledMs = 60_000;
const drainTimeoutMs = 2000;

export class PullSubscription implements Subscription {
  readonly closed: Promise<SubscriptionEnd>;
  readonly #options: PullOptions;
  readonly #window: PullWindow;
  readonly #inbox: string;
  readonly #subscription: NatsSubscription;
  readonly #forgetLink: () => void;
  #resolveClosed: (end: SubscriptionEnd) => void = () => undefined;
  #ended = false;
  #paused = false;
  #stopping = false;
  #pinID = '';
  #requests = 0;
  #lastTraffic: number;
  #lastMessage: number;
  #lastInspection: number;
  #inspecting = false;
  #stalledSince: number | undefined;
  #tick: Timer | undefined;
  #retry: Timer | undefined;

  constructor(options: PullOptions) {
    this.#options = options;
    this.#window = new PullWindow(options.maxMessages);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const now = options.clock.monotonic();
    this.#lastTraffic = now;
    this.#lastMessage = now;
    this.#lastInspection = now;
    this.#inbox = createInbox(options.link.inboxPrefix);
    this.#subscription = options.link.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#receive(message);
        else this.#end({ reason: 'Failed', error: fromClientError(error, this.#doing()) });
      },
    });
    this.#forgetLink = options.link.onChange((connected) => {
      if (connected) this.#restart();
    });
    this.#pull();
    this.#scheduleTick();
  }

  async stop(): Promise<void> {
    if (this.#ended || this.#stopping) {
      await this.closed;
      return;
    }
    this.#stopping = true;
    const { clock } = this.#options;
    let timer: Timer | undefined;
    // What the server sent before it saw that we left still comes, and is handed out. Draining hangs while disconnected.
    const giveUp = new Promise<void>((resolve) => {
      timer = clock.setTimer(resolve, drainTimeoutMs);
    });
    await Promise.race([this.#subscription.drain().catch(() => undefined), giveUp]);
    clock.clearTimer(timer);
    this.#end({ reason: 'Stopped' });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#lastTraffic = this.#options.clock.monotonic();
    this.#lastMessage = this.#lastTraffic;
    this.#pull();
  }

  #receive(message: Msg): void {
    if (this.#ended) return;
    this.#lastTraffic = this.#options.clock.monotonic();
    if (message.subject.startsWith(this.#inbox)) {
      this.#receiveStatus(message);
      return;
    }
    this.#lastMessage = this.#lastTraffic;
    this.#stalledSince = undefined;
    if (this.#options.group !== undefined && this.#pinID === '')
      this.#pinID = message.headers?.get('Nats-Pin-Id') ?? '';
    this.#window.delivered();
    try {
      this.#options.onMessage(new NatsConsumedMessage(message));
    } catch (error) {
      // The message stays pending and comes again; the flow must not end because of it.
      this.#options.logger.error('Message handler failed', { ...this.#fields(), error });
    }
    this.#pull();
  }

  #receiveStatus(message: Msg): void {
    const status = message.headers?.code ?? 0;
    if (status === 100) return;
    const description = message.headers?.description ?? '';
    const undelivered = message.headers?.get('Nats-Pending-Messages') ?? '';
    const request = message.subject.slice(this.#inbox.length + 1);
    this.#window.ended(request, undelivered === '' ? undefined : Number(undelivered));
    switch (status) {
      case 404: // no messages
      case 408: // expired
        this.#pull();
        return;
      case 423: // the pin is not ours any more: ask without it
        this.#pinID = '';
        this.#window.reset();
        this.#pull();
        return;
      case 400:
        this.#end(
          /priority group/i.test(description)
            ? { reason: 'GroupChanged' }
            : { reason: 'Failed', error: new ApiRefusal({ code: status, description }, this.#doing()) },
        );
        return;
      default:
        // 409: deleted, leader changed, server shutting down. 503: nobody answers. A look at the consumer tells which.
        this.#options.logger.debug('Pull was ended by the server', { ...this.#fields(), status, description });
        this.#pullLater();
        this.#inspect();
    }
  }

  #pull(): void {
    const { link, clock, group, stream, durable } = this.#options;
    if (this.#paused || this.#stopping || this.#ended || this.#retry !== undefined || !link.connected) return;
    const unpinned = this.#isUnpinned();
    const batch = unpinned ? Number(this.#window.owed === 0) : this.#window.shortage();
    if (batch === 0) return;
    const expiresMs = unpinned ? unpinnedExpiresMs : pullExpiresMs;
    this.#requests += 1;
    const id = this.#requests.toString(36);
    const request = {
      batch,
      expires: expiresMs * 1e6,
      idle_heartbeat: heartbeatMs * 1e6,
      ...(group === undefined ? {} : { group }),
      ...(this.#pinID === '' ? {} : { id: this.#pinID }),
    };
    this.#window.opened(id, batch, clock.monotonic() + expiresMs + silenceMs);
    try {
      const reply = `${this.#inbox}.${id}`;
      link.connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`, JSON.stringify(request), { reply });
    } catch {
      // Closed: the tick sees it.
      this.#window.reset();
    }
  }

  #pullLater(): void {
    this.#retry ??= this.#options.clock.setTimer(() => {
      this.#retry = undefined;
      this.#pull();
    }, retryDelayMs);
  }

  #restart(): void {
    this.#lastTraffic = this.#options.clock.monotonic();
    this.#window.reset();
    this.#pull();
  }

  #scheduleTick(): void {
    this.#tick = this.#options.clock.setTimer(() => {
      if (this.#ended) return;
      this.#watch();
      this.#scheduleTick();
    }, tickMs);
  }

  #watch(): void {
    const { clock, link } = this.#options;
    if (link.connection.isClosed()) {
      this.#end({
        reason: 'Failed',
        error: new BrokerError('Unavailable', `${this.#doing()}: the connection is closed`),
      });
      return;
    }
    const now = clock.monotonic();
    this.#window.expire(now);
    if (this.#paused || this.#stopping || !link.connected) return;
    if (this.#window.owed > 0 && now - this.#lastTraffic > silenceMs) {
      this.#options.logger.debug('Consumer fell silent', this.#fields());
      this.#restart();
      this.#inspect();
    } else {
      const interval = this.#isUnpinned() ? pinCheckMs : progressCheckMs;
      if (now - this.#lastMessage > interval && now - this.#lastInspection > interval) this.#inspect();
    }
    this.#pull();
  }

  #inspect(): void {
    if (this.#inspecting || this.#ended) return;
    this.#inspecting = true;
    this.#lastInspection = this.#options.clock.monotonic();
    this.#options
      .inspect()
      .then((consumer) => this.#judge(consumer))
      .catch((error: unknown) => {
        const kind = error instanceof BrokerError ? error.kind : undefined;
        if (kind === 'ConsumerNotFound' || kind === 'StreamNotFound') this.#end({ reason: 'ConsumerGone' });
        else this.#options.logger.debug('Consumer could not be looked at', { ...this.#fields(), error });
      })
      .finally(() => {
        this.#inspecting = false;
      });
  }

  async #judge(consumer: ConsumerInspection): Promise<void> {
    const { group, clock } = this.#options;
    if (this.#ended) return;
    if (consumer.group !== group) {
      this.#end({ reason: 'GroupChanged' });
      return;
    }
    const lookedAt = this.#lastInspection;
    const waiting = consumer.pending > 0 && consumer.ackPending < consumer.maxAckPending;
    if (waiting) await sleep(clock, inFlightMs);
    const flows = this.#lastMessage >= lookedAt;
    if (!waiting || flows || this.#paused || this.#stopping) this.#stalledSince = undefined;
    else await this.#unblock(consumer.pending);
  }

  /** Messages wait and none comes: asks anew, as a client without a pin. */
  async #unblock(pending: number): Promise<void> {
    const { group, clock, logger, unpin } = this.#options;
    const now = clock.monotonic();
    this.#stalledSince ??= now;
    if (now - this.#stalledSince > stalledMs) {
      this.#end({ reason: 'Stalled' });
      return;
    }
    logger.info('Consumer has messages and delivered none; asking anew', { ...this.#fields(), pending });
    // Nobody but us may hold the pin of this group: a stale request of an earlier owner does.
    if (group !== undefined) await unpin();
    this.#pinID = '';
    this.#restart();
  }

  #isUnpinned(): boolean {
    return this.#options.group !== undefined && this.#pinID === '';
  }

  #end(end: SubscriptionEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    const { clock } = this.#options;
    clock.clearTimer(this.#tick);
    clock.clearTimer(this.#retry);
    this.#forgetLink();
    this.#subscription.unsubscribe();
    this.#resolveClosed(this.#stopping ? { reason: 'Stopped' } : end);
  }

  #doing(): string {
    return `Pull from ${this.#options.stream}/${this.#options.durable}`;
  }

  #fields(): { readonly stream: string; readonly consumer: string } {
    return { stream: this.#options.stream, consumer: this.#options.durable };
  }
}
