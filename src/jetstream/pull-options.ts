import type { NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { ConsumedMessage } from './broker.ts';
import type { NatsLink } from './connection.ts';

/** What a look at the consumer tells. */
export interface ConsumerInspection {
  readonly pending: number;
  readonly ackPending: number;
  readonly maxAckPending: number;
  readonly group: string | undefined;
}

/** What is used of the connection. */
export interface PullLink extends Pick<NatsLink, 'inboxPrefix' | 'connected' | 'onChange'> {
  readonly connection: Pick<NatsConnection, 'publish' | 'subscribe' | 'isClosed'>;
}

export interface PullOptions {
  readonly link: PullLink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stream: string;
  readonly durable: string;
  readonly maxMessages: number;
  readonly group: string | undefined;
  readonly onMessage: (message: ConsumedMessage) => void;
  /** Throws `BrokerError`. */
  readonly inspect: () => Promise<ConsumerInspection>;
  /** Takes the pin away from whoever holds it in our own group. */
  readonly unpin: () => Promise<void>;
}
