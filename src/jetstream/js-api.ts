/**
 * Requests to the JetStream API as JSON over a connection. Raw on purpose: the client's manager hides the server's clock
 * (`ts`), sends an INFO before every update and lists consumers with their whole configuration.
 */
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import type { Clock } from '../clock.ts';
import { ApiRefusal, fromClientError, type ApiError } from './broker-errors.ts';
import type { ClockOffset } from './clock-offset.ts';
import { BrokerError } from './broker.ts';
import type { NatsLink } from './connection.ts';

/** Longer waits would outlast leader changes for nothing: the answer is lost then (measured). */
const requestTimeoutMs = 5000;

interface ApiResponse {
  readonly error?: ApiError;
  /** The server's time. */
  readonly ts?: string;
}

export class JetStreamApi {
  readonly #link: NatsLink;
  readonly #clock: Clock;
  readonly #offset: ClockOffset;
  /** Rejects a request that waits for its reply. */
  readonly #waiting = new Set<(reason: string) => void>();

  constructor(link: NatsLink, clock: Clock, offset: ClockOffset) {
    this.#link = link;
    this.#clock = clock;
    this.#offset = offset;
    link.onChange((connected) => {
      if (connected) return;
      // No reply comes over a new connection; waiting for the time-out would only cost time.
      for (const reject of this.#waiting) reject('the connection was lost');
    });
  }

  /** `$JS.API.<subject>` with a JSON payload. Throws `BrokerError`, its message begins with what `doing` says. */
  async request<T extends object>(subject: string, payload: object | undefined, doing: string): Promise<T> {
    const data = payload === undefined ? '' : JSON.stringify(payload);
    const sentAt = this.#clock.now();
    const reply = await this.send(`$JS.API.${subject}`, data, undefined, doing);
    // The shape is the server's documented one for the subject asked.
    const response = parseResponse(reply, doing) as T & ApiResponse;
    if (response.error !== undefined) throw new ApiRefusal(response.error, doing);
    if (response.ts !== undefined) this.#offset.add(sentAt, this.#clock.now(), Date.parse(response.ts));
    return response;
  }

  /**
   * One request and its reply. Without a connection nothing is sent: the client would send it when the connection is back, long
   * after the caller was told that it failed. Throws `BrokerError`.
   */
  send(subject: string, data: Uint8Array | string, headers: MsgHdrs | undefined, doing: string): Promise<Msg> {
    return new Promise((resolve, reject) => {
      const unavailable = (reason: string) => {
        reject(new BrokerError('Unavailable', `${doing}: ${reason}`));
      };
      if (!this.#link.connected) {
        unavailable('not connected');
        return;
      }
      this.#waiting.add(unavailable);
      const options = { timeout: requestTimeoutMs };
      this.#link.connection
        .request(subject, data, headers === undefined ? options : { ...options, headers })
        .finally(() => this.#waiting.delete(unavailable))
        .then(resolve, (error: unknown) => {
          reject(fromClientError(error, doing));
        });
    });
  }
}

/** Parses a reply as JSON. A server that answers something else is one that did not confirm. */
export function parseResponse(reply: Msg, doing: string): unknown {
  try {
    return JSON.parse(Buffer.from(reply.data).toString('utf8'));
  } catch (error) {
    throw new BrokerError('Unavailable', `${doing}: the answer is not JSON`, { cause: error });
  }
}
