import type { ConsumerConfig, ConsumerInfo, StreamInfo } from '@nats-io/jetstream';
import type { Clock, Timer } from '../clock.ts';
import type { Logger } from '../logger.ts';
import { BatchReader } from './batch-reader.ts';
import { apiErrorCodes, ApiRefusal, fromClientError, type ApiError } from './broker-errors.ts';
import {
  BrokerError,
  type Broker,
  type ConsumedMessage,
  type ConsumerSpec,
  type ConsumerState,
  type PublishAck,
  type PublishOptions,
  type StoredMessage,
  type StreamState,
  type Subscription,
} from './broker.ts';
import { ClockOffset } from './clock-offset.ts';
import type { NatsLink } from './connection.ts';
import { newConsumerConfig, updatedConsumerConfig } from './consumer-config.ts';
import { JetStreamApi, parseResponse } from './js-api.ts';
import { LeaderMessage, toMessageHeaders, type ApiMessage } from './nats-messages.ts';
import type { ConsumerInspection } from './pull-options.ts';
import { PullSubscription } from './pull-subscription.ts';

const clockIntervalMs = 30_000;

export interface NatsBrokerOptions {
  readonly link: NatsLink;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The {@link Broker} on a real server. */
export class NatsBroker implements Broker {
  /** The JetStream API on the same connection, for what is no part of the port: making streams. */
  readonly api: JetStreamApi;
  readonly #link: NatsLink;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #offset = new ClockOffset();
  readonly #batches: BatchReader;
  #clockTimer: Timer | undefined;

  constructor({ link, clock, logger }: NatsBrokerOptions) {
    this.#link = link;
    this.#clock = clock;
    this.#logger = logger;
    this.api = new JetStreamApi(link, clock, this.#offset);
    this.#batches = new BatchReader(link, clock);
  }

  get maxPayload(): number {
    return this.#link.connection.info?.max_payload ?? 1_048_576;
  }

  async publish(subject: string, data: Uint8Array, options: PublishOptions = {}): Promise<PublishAck> {
    const doing = `Publish to ${subject}`;
    const reply = await this.api.send(subject, data, publishHeaders(options, doing), doing);
    const response = parseResponse(reply, doing) as PublishResponse;
    if (response.error !== undefined) throw new ApiRefusal(response.error, doing);
    if (response.stream === undefined || response.seq === undefined) {
      // Some other subscriber answered: the subject belongs to no stream.
      throw new BrokerError('Unavailable', `${doing}: the answer is no confirmation of a stream`);
    }
    return { stream: response.stream, sequence: response.seq, duplicate: response.duplicate === true };
  }

  async purge(stream: string, filter: string, beforeSequence?: number): Promise<{ readonly purged: number }> {
    const request = beforeSequence === undefined ? { filter } : { filter, seq: beforeSequence };
    const { purged } = await this.api.request<{ purged: number }>(
      `STREAM.PURGE.${stream}`,
      request,
      `Purge ${filter} in ${stream}`,
    );
    return { purged };
  }

  async directGet(stream: string, subject: string, fromSequence: number, limit: number): Promise<StoredMessage[]> {
    try {
      return await this.#batches.read(stream, subject, fromSequence, limit);
    } catch (error) {
      // No responder: the stream is gone, or has no leader for the moment. Its INFO tells which.
      if (error instanceof BrokerError && error.kind === 'Unavailable') await this.streamState(stream);
      throw error;
    }
  }

  getMessage(stream: string, sequence: number): Promise<StoredMessage | undefined> {
    return this.#getFromLeader(stream, { seq: sequence }, `Get message ${sequence} of ${stream}`);
  }

  getLast(stream: string, subject: string): Promise<StoredMessage | undefined> {
    return this.#getFromLeader(stream, { last_by_subj: subject }, `Get the last message of ${subject}`);
  }

  async streamState(stream: string, subjectsFilter?: string): Promise<StreamState> {
    const doing = `Look at stream ${stream}`;
    const subjects: Record<string, number> = {};
    let info: StreamInfo;
    let offset = 0;
    for (;;) {
      const request = subjectsFilter === undefined ? undefined : { subjects_filter: subjectsFilter, offset };
      info = await this.api.request<StreamInfo>(`STREAM.INFO.${stream}`, request, doing);
      const page = Object.entries(info.state.subjects ?? {});
      for (const [subject, count] of page) subjects[subject] = count;
      offset += page.length;
      if (page.length === 0 || offset >= (info.total ?? 0)) break;
    }
    return {
      name: info.config.name,
      created: info.created,
      messages: info.state.messages,
      bytes: info.state.bytes,
      // 0 while nothing was ever stored: then it would seem, once something is, that a message had left.
      firstSequence: Math.max(1, info.state.first_seq),
      lastSequence: info.state.last_seq,
      maxBytes: info.config.max_bytes,
      metadata: info.config.metadata ?? {},
      ...(subjectsFilter === undefined ? {} : { subjects }),
    };
  }

  async ensureConsumer(spec: ConsumerSpec): Promise<ConsumerState> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return stateOf(await this.#createOrUpdate(spec));
      } catch (error) {
        // Somebody made or removed it between our look and our write.
        const raced = error instanceof ConsumerRace && attempt < 3;
        if (!raced) throw error;
      }
    }
  }

  async consumerState(stream: string, durable: string): Promise<ConsumerState> {
    return stateOf(await this.#consumerInfo(stream, durable));
  }

  async deleteConsumer(stream: string, durable: string): Promise<void> {
    await this.api.request(`CONSUMER.DELETE.${stream}.${durable}`, undefined, `Delete consumer ${stream}/${durable}`);
  }

  async listConsumers(stream: string): Promise<string[]> {
    const names: string[] = [];
    for (;;) {
      const page = await this.api.request<{ total: number; consumers?: string[] | null }>(
        `CONSUMER.NAMES.${stream}`,
        { offset: names.length },
        `List consumers of ${stream}`,
      );
      const consumers = page.consumers ?? [];
      names.push(...consumers);
      if (consumers.length === 0 || names.length >= page.total) return names;
    }
  }

  async unpin(stream: string, durable: string, group: string): Promise<void> {
    await this.api.request(`CONSUMER.UNPIN.${stream}.${durable}`, { group }, `Unpin consumer ${stream}/${durable}`);
  }

  async consume(
    stream: string,
    durable: string,
    options: { readonly maxMessages: number; readonly pinnedGroup?: string },
    onMessage: (message: ConsumedMessage) => void,
  ): Promise<Subscription> {
    // Also finds out at once that there is nothing to pull from.
    await this.#consumerInfo(stream, durable);
    const group = options.pinnedGroup;
    return new PullSubscription({
      link: this.#link,
      clock: this.#clock,
      logger: this.#logger,
      stream,
      durable,
      maxMessages: options.maxMessages,
      group,
      onMessage,
      inspect: async () => inspectionOf(await this.#consumerInfo(stream, durable)),
      unpin: async () => {
        if (group !== undefined) await this.unpin(stream, durable, group);
      },
    });
  }

  clockOffsetMs(): number {
    return this.#offset.value;
  }

  /**
   * Measures the clock offset now and then every 30 s, until {@link close}: by the leader of `stream`, which should be the one
   * that fires schedules.
   */
  async followClock(stream: string): Promise<void> {
    this.#clock.clearTimer(this.#clockTimer);
    await this.streamState(stream).catch((error: unknown) => {
      this.#logger.debug('Clock offset could not be measured', { stream, error });
    });
    this.#clockTimer = this.#clock.setTimer(() => void this.followClock(stream), clockIntervalMs);
  }

  /** Stops what runs by itself; the connection stays open. */
  close(): void {
    this.#clock.clearTimer(this.#clockTimer);
    this.#batches.close();
  }

  async #getFromLeader(stream: string, request: object, doing: string): Promise<StoredMessage | undefined> {
    try {
      const subject = `STREAM.MSG.GET.${stream}`;
      const { message } = await this.api.request<{ message: ApiMessage }>(subject, request, doing);
      return new LeaderMessage(message);
    } catch (error) {
      if (isCode(error, apiErrorCodes.messageNotFound)) return undefined;
      throw error;
    }
  }

  async #createOrUpdate(spec: ConsumerSpec): Promise<ConsumerInfo> {
    let current: ConsumerInfo;
    try {
      current = await this.#consumerInfo(spec.stream, spec.durable);
    } catch (error) {
      if (!(error instanceof BrokerError) || error.kind !== 'ConsumerNotFound') throw error;
      return this.#write(spec, newConsumerConfig(spec), 'create');
    }
    const updated = updatedConsumerConfig(current.config, spec);
    return updated === undefined ? current : this.#write(spec, updated, 'update');
  }

  async #write(
    spec: ConsumerSpec,
    config: Partial<ConsumerConfig>,
    action: 'create' | 'update',
  ): Promise<ConsumerInfo> {
    const subject = `CONSUMER.CREATE.${spec.stream}.${spec.durable}.${spec.filterSubject}`;
    const doing = `${action === 'create' ? 'Create' : 'Update'} consumer ${spec.stream}/${spec.durable}`;
    try {
      return await this.api.request<ConsumerInfo>(subject, { stream_name: spec.stream, config, action }, doing);
    } catch (error) {
      const raced = isCode(error, apiErrorCodes.consumerExists) || isCode(error, apiErrorCodes.consumerDoesNotExist);
      throw raced ? new ConsumerRace('Rejected', `${doing}: changed by somebody else`, { cause: error }) : error;
    }
  }

  #consumerInfo(stream: string, durable: string): Promise<ConsumerInfo> {
    return this.api.request(`CONSUMER.INFO.${stream}.${durable}`, undefined, `Look at consumer ${stream}/${durable}`);
  }
}

interface PublishResponse {
  readonly error?: ApiError;
  readonly stream?: string;
  readonly seq?: number;
  readonly duplicate?: boolean;
}

class ConsumerRace extends BrokerError {}

function isCode(error: unknown, code: number): boolean {
  return error instanceof ApiRefusal && error.apiCode === code;
}

function publishHeaders(options: PublishOptions, doing: string) {
  const { messageID, expectedLastSubjectSequence, schedule } = options;
  const reserved: Record<string, string> = {};
  if (messageID !== undefined) reserved['Nats-Msg-Id'] = messageID;
  if (expectedLastSubjectSequence !== undefined) {
    reserved['Nats-Expected-Last-Subject-Sequence'] = String(expectedLastSubjectSequence);
  }
  if (schedule !== undefined) {
    reserved['Nats-Schedule'] = `@at ${new Date(schedule.at).toISOString()}`;
    reserved['Nats-Schedule-Target'] = schedule.target;
  }
  try {
    const all = { ...options.headers, ...reserved };
    return Object.keys(all).length === 0 ? undefined : toMessageHeaders(all);
  } catch (error) {
    throw fromClientError(error, doing);
  }
}

function stateOf(info: ConsumerInfo): ConsumerState {
  return {
    ackFloor: info.ack_floor.stream_seq,
    ackPending: info.num_ack_pending,
    pending: info.num_pending,
    created: info.created,
  };
}

function inspectionOf(info: ConsumerInfo): ConsumerInspection {
  return {
    pending: info.num_pending,
    ackPending: info.num_ack_pending,
    maxAckPending: info.config.max_ack_pending ?? Number.POSITIVE_INFINITY,
    group: info.config.priority_groups?.[0],
  };
}
