import { headers, errors, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../clock.ts';
import { silentLogger } from '../logger.ts';
import { BrokerError, type ConsumedMessage, type SubscriptionEnd } from './broker.ts';
import type { ConsumerInspection } from './pull-options.ts';
import { PullSubscription } from './pull-subscription.ts';

interface Request {
  readonly reply: string;
  readonly batch: number;
  readonly expires: number;
  readonly id?: string;
  readonly group?: string;
}

/** A server as one subscription sees it. */
class FakeServer {
  readonly requests: Request[] = [];
  readonly received: ConsumedMessage[] = [];
  readonly unpins: number[] = [];
  inspection: () => Promise<ConsumerInspection> = () => Promise.resolve(this.consumer);
  inspections = 0;
  consumer: ConsumerInspection = { pending: 0, ackPending: 0, maxAckPending: 100, group: undefined };
  connected = true;
  closed = false;
  unsubscribed = false;
  drain: () => Promise<void> = () => Promise.resolve();
  #listener: (connected: boolean) => void = () => undefined;
  #callback: (error: Error | null, message: Msg) => void = () => undefined;

  subscribe(group?: string, maxMessages = 10): PullSubscription {
    this.consumer = { ...this.consumer, group };
    const subscription = { drain: () => this.drain(), unsubscribe: () => (this.unsubscribed = true) };
    const connection = {
      isClosed: () => this.closed,
      publish: (_subject: string, data: string, { reply }: { reply: string }) => {
        this.requests.push({ ...(JSON.parse(data) as Request), reply });
      },
      subscribe: (_subject: string, { callback }: { callback: (error: Error | null, message: Msg) => void }) => {
        this.#callback = callback;
        return subscription;
      },
    } as unknown as NatsConnection;
    const isConnected = () => this.connected;
    return new PullSubscription({
      link: {
        connection,
        inboxPrefix: '_INBOX',
        get connected() {
          return isConnected();
        },
        onChange: (listener) => {
          this.#listener = listener;
          return () => undefined;
        },
      },
      clock: systemClock,
      logger: silentLogger,
      stream: 'S',
      durable: 'c',
      maxMessages,
      group,
      onMessage: (message) => this.received.push(message),
      inspect: () => {
        this.inspections += 1;
        return this.inspection();
      },
      unpin: () => {
        this.unpins.push(performance.now());
        return Promise.resolve();
      },
    });
  }

  get last(): Request {
    return this.requests.at(-1)!;
  }

  deliver(pinID?: string): void {
    const messageHeaders = headers();
    if (pinID !== undefined) messageHeaders.set('Nats-Pin-Id', pinID);
    this.#receive({ subject: 'events.1.a.b', headers: messageHeaders });
  }

  status(code: number, description: string, pending?: number, request = this.last): void {
    const statusHeaders = headers(code, description);
    if (pending !== undefined) statusHeaders.set('Nats-Pending-Messages', String(pending));
    this.#receive({ subject: request.reply, headers: statusHeaders });
  }

  fail(error: Error): void {
    this.#callback(error, {} as Msg);
  }

  connect(connected: boolean): void {
    this.connected = connected;
    this.#listener(connected);
  }

  #receive(message: Partial<Msg>): void {
    this.#callback(null, { data: new Uint8Array(0), ...message } as Msg);
  }
}

let server: FakeServer;
beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
});
afterEach(() => {
  vi.useRealTimers();
});

/** How it ended, undefined while it has not. */
async function endOf(subscription: PullSubscription): Promise<SubscriptionEnd | undefined> {
  return Promise.race([subscription.closed, Promise.resolve(undefined)]);
}

async function heartbeatsFor(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1000) {
    await vi.advanceTimersByTimeAsync(1000);
    server.status(100, 'Idle Heartbeat');
  }
}

describe('pulling', () => {
  test('asks for a batch, and again when half of it came', () => {
    server.subscribe();
    expect(server.requests).toMatchObject([{ batch: 10, expires: 10e9, idle_heartbeat: 2e9 }]);
    for (let index = 0; index < 5; index += 1) server.deliver();
    expect(server.requests).toMatchObject([{ batch: 10 }, { batch: 5 }]);
    expect(server.received).toHaveLength(5);
  });

  test('asks again when a request expired', () => {
    server.subscribe();
    server.status(408, 'Request Timeout', 10);
    expect(server.requests).toHaveLength(2);
    server.status(404, 'No Messages');
    expect(server.requests).toHaveLength(3);
  });

  test('asks nothing while paused or without a connection', async () => {
    const subscription = server.subscribe();
    subscription.pause();
    server.status(408, 'Request Timeout', 10);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.requests).toHaveLength(1);
    server.connected = false;
    subscription.resume();
    expect(server.requests).toHaveLength(1);
    server.connect(true);
    expect(server.requests).toHaveLength(2);
  });

  test('asks anew at once after a reconnect', () => {
    server.subscribe();
    server.connect(false);
    server.connect(true);
    expect(server.requests).toMatchObject([{ batch: 10 }, { batch: 10 }]);
  });

  test('asks anew when the server fell silent, and looks at the consumer', async () => {
    server.subscribe();
    await vi.advanceTimersByTimeAsync(7000);
    expect(server.requests).toHaveLength(2);
    expect(server.inspections).toBe(1);
  });

  test('is content with heartbeats', async () => {
    server.subscribe();
    await heartbeatsFor(14_000);
    expect(server.inspections).toBe(0);
  });
});

describe('a pinned consumer', () => {
  test('is asked for one message at first, and for batches with the pin', () => {
    server.subscribe('g1');
    expect(server.requests).toMatchObject([{ batch: 1, expires: 4e9, group: 'g1' }]);
    server.deliver('pin-1');
    expect(server.last).toMatchObject({ batch: 10, expires: 10e9, group: 'g1', id: 'pin-1' });
  });

  test('is asked without the pin once that is gone', () => {
    server.subscribe('g1');
    server.deliver('pin-1');
    server.status(423, 'Nats-Wrong-Pin-Id');
    expect(server.last).toMatchObject({ batch: 1 });
    expect(server.last.id).toBeUndefined();
    server.deliver('pin-2');
    expect(server.last).toMatchObject({ batch: 10, id: 'pin-2' });
  });

  test('is unpinned within seconds when messages wait and somebody else has the pin', async () => {
    server.subscribe('g1');
    server.consumer = { ...server.consumer, pending: 5 };
    await heartbeatsFor(5000);
    expect(server.unpins).toHaveLength(1);
    expect(server.requests.length).toBeGreaterThan(1);
  });

  test('is left alone when the message only was on its way', async () => {
    server.subscribe('g1');
    server.consumer = { ...server.consumer, pending: 1 };
    server.inspection = () => {
      setTimeout(() => server.deliver('pin-1'), 100);
      return Promise.resolve(server.consumer);
    };
    await heartbeatsFor(4000);
    expect(server.unpins).toEqual([]);
  });

  test('is left alone while all that it may hand out is handed out', async () => {
    server.subscribe('g1');
    server.consumer = { ...server.consumer, pending: 5, ackPending: 100 };
    await heartbeatsFor(60_000);
    expect(server.unpins).toEqual([]);
  });
});

describe('the end', () => {
  test('comes by a changed group, told by the server or seen on the consumer', async () => {
    const told = server.subscribe('g1');
    server.status(400, 'Bad Request - Invalid Priority Group');
    expect(await endOf(told)).toEqual({ reason: 'GroupChanged' });

    server = new FakeServer();
    const seen = server.subscribe('g1');
    server.consumer = { ...server.consumer, group: 'g2' };
    await heartbeatsFor(4000);
    expect(await endOf(seen)).toEqual({ reason: 'GroupChanged' });
    expect(server.unsubscribed).toBe(true);
  });

  test('comes by a request that the server calls bad', async () => {
    const subscription = server.subscribe();
    server.status(400, 'Bad Request - heartbeat value too large');
    expect(await endOf(subscription)).toMatchObject({ reason: 'Failed', error: { kind: 'Rejected' } });
  });

  test.for(['ConsumerNotFound', 'StreamNotFound'] as const)('comes when the look says %s', async (kind) => {
    const subscription = server.subscribe();
    server.inspection = () => Promise.reject(new BrokerError(kind, 'gone'));
    server.status(409, 'Consumer Deleted');
    await vi.advanceTimersByTimeAsync(0);
    expect(await endOf(subscription)).toEqual({ reason: 'ConsumerGone' });
  });

  test.for([
    [409, 'Leadership Change'],
    [503, 'No Responders'],
  ] as const)('does not come by %s %s: it asks again a little later', async ([code, description]) => {
    const subscription = server.subscribe();
    server.inspection = () => Promise.reject(new BrokerError('Unavailable', 'no leader'));
    server.status(code, description);
    expect(server.requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(250);
    expect(server.requests).toHaveLength(2);
    expect(await endOf(subscription)).toBeUndefined();
  });

  test('comes as a stall when messages wait for a minute in spite of all', async () => {
    const subscription = server.subscribe();
    server.consumer = { ...server.consumer, pending: 5 };
    await heartbeatsFor(70_000);
    expect(await endOf(subscription)).toBeUndefined();
    expect(server.requests.length).toBeGreaterThan(3);
    await heartbeatsFor(30_000);
    expect(await endOf(subscription)).toEqual({ reason: 'Stalled' });
  });

  test('does not come when messages flow again', async () => {
    const subscription = server.subscribe();
    server.consumer = { ...server.consumer, pending: 5 };
    for (let round = 0; round < 5; round += 1) {
      await heartbeatsFor(40_000);
      server.deliver();
    }
    expect(await endOf(subscription)).toBeUndefined();
  });

  test('comes when the subscription is refused', async () => {
    const subscription = server.subscribe();
    server.fail(new errors.PermissionViolationError('no', 'subscription', 'x'));
    expect(await endOf(subscription)).toMatchObject({ reason: 'Failed', error: { kind: 'Rejected' } });
  });

  test('comes when the connection is closed', async () => {
    const subscription = server.subscribe();
    server.closed = true;
    await vi.advanceTimersByTimeAsync(1000);
    expect(await endOf(subscription)).toMatchObject({ reason: 'Failed', error: { kind: 'Unavailable' } });
  });

  test('by stopping hands out what still comes, and asks for nothing more', async () => {
    const subscription = server.subscribe();
    let drained: () => void = () => undefined;
    server.drain = () => new Promise((resolve) => (drained = resolve));
    const stopped = subscription.stop();
    for (let index = 0; index < 10; index += 1) server.deliver();
    expect(server.received).toHaveLength(10);
    expect(server.requests).toHaveLength(1);
    drained();
    await stopped;
    expect(await endOf(subscription)).toEqual({ reason: 'Stopped' });
    server.deliver();
    expect(server.received).toHaveLength(10);
    await subscription.stop();
  });

  test('by stopping does not wait for ever without a connection', async () => {
    const subscription = server.subscribe();
    server.drain = () => new Promise(() => undefined);
    const stopped = subscription.stop();
    await vi.advanceTimersByTimeAsync(2000);
    await stopped;
    expect(await endOf(subscription)).toEqual({ reason: 'Stopped' });
  });
});
