import { createHash } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import { connect, headers as natsHeaders } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import type { ReceivedRequest } from '../../receivers/receiver.ts';
import { Stand } from '../stand.ts';
import { until } from '../until.ts';

const steady = { namespace: 'team-a', name: 'steady', events: ['>'] };
const flaky = { namespace: 'team-a', name: 'flaky', events: ['>'] };
const held = { namespace: 'team-a', name: 'held', events: ['>'] };
const names = ['steady', 'flaky', 'held'];

interface Poison {
  readonly id: string;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Defaults to `id`. */
  readonly deliveredAs?: string;
}

const spaced = 'an id with spaces';
const poisons: readonly Poison[] = [
  { id: 'not-json', body: Buffer.from('{"id": 1, not JSON') },
  { id: 'not-text', body: Buffer.from([0, 255, 254, 10, 13, 0, 128]) },
  { id: 'empty', body: Buffer.alloc(0) },
  { id: 'long-header', body: Buffer.from('{}'), headers: { 'X-Long': 'x'.repeat(60 * 1024) } },
  // Just what the server takes: its limit is 1 MiB with the headers.
  { id: 'large', body: Buffer.alloc(1024 * 1024 - 200, 'x') },
  { id: spaced, body: Buffer.from('{}'), deliveredAs: createHash('sha256').update(spaced).digest('hex') },
  { id: 'scheduled', body: Buffer.from('{}'), headers: { 'Nats-Rollup-Not': 'all', 'Nats-Expected-Stream': 'EVENTS' } },
  { id: 'ordinary', body: Buffer.from('{"id":1}') },
];

test('events that are hard to take are delivered byte for byte, at once, by a retry and from the backlog', async ({
  onTestFinished,
}) => {
  const stand = await Stand.start(onTestFinished, ['team-a']);
  const operator = await stand.startOperator();
  await stand.createWebhooks([steady, flaky, held]);
  await stand.patch(held, { suspend: true });
  await stand.waitForCondition(held, 'Active', 'False');
  const accepted = new Map<string, ReceivedRequest[]>();
  stand.receiver.answer(({ webhook, attempt }, request) => {
    if (webhook === 'team-a/flaky' && attempt === 1) return { status: 500 };
    accepted.set(webhook, [...(accepted.get(webhook) ?? []), request]);
    return {};
  });
  const connection = await connect({ servers: stand.natsUrl });
  onTestFinished(() => connection.close());
  for (const { id, body, headers = {} } of poisons) {
    const all = natsHeaders();
    for (const [name, value] of Object.entries(headers)) all.set(name, value);
    await jetstream(connection).publish('events.team-a.item.created', body, { msgID: id, headers: all });
  }
  const of = (name: string): readonly ReceivedRequest[] => accepted.get(`team-a/${name}`) ?? [];
  await until('the steady one has all', () => of('steady').length === poisons.length, 30_000);
  await until('the flaky one has all', () => of('flaky').length === poisons.length, 60_000);
  expect(of('held')).toEqual([]);
  await stand.patch(held, { suspend: false });
  await until('the resumed one has all', () => of('held').length === poisons.length, 30_000);
  await stand.settle(30_000);

  for (const name of names) {
    expect(of(name)).toHaveLength(poisons.length);
    for (const { id, body, deliveredAs = id } of poisons) {
      const [request] = of(name).filter(({ eventID }) => eventID === deliveredAs);
      expect(request?.body.equals(body), `${id} at ${name}`).toBe(true);
      expect(request?.headers['webhook-event-type']).toBe('item.created');
    }
  }
  expect(operator.isRunning()).toBe(true);
  for (const webhook of [steady, flaky, held]) await stand.waitForCondition(webhook, 'Active', 'True');
});

test('an event to which its producer gave a short life is not short-lived in our streams', async ({
  onTestFinished,
}) => {
  const stand = await Stand.start(onTestFinished, ['team-a']);
  await stand.startOperator();
  await stand.createWebhooks([held]);
  await stand.patch(held, { suspend: true });
  await stand.waitForCondition(held, 'Active', 'False');
  const producer = await connect({ servers: stand.natsUrl });
  onTestFinished(() => producer.close());
  const { config } = await stand.broker.api.request<{ config: object }>('STREAM.INFO.EVENTS', {}, 'Look at EVENTS');
  await stand.broker.api.request('STREAM.UPDATE.EVENTS', { ...config, allow_msg_ttl: true }, 'Allow TTLs');
  const headers = natsHeaders();
  headers.set('Nats-TTL', '2s');
  await jetstream(producer).publish('events.team-a.item.created', '{}', { msgID: 'short', headers });
  const gone = async (): Promise<boolean> => {
    const { subjects } = await stand.broker.streamState('EVENTS', 'events.*.team-a.item.created');
    return Object.keys(subjects ?? {}).length === 0;
  };
  await until('it has gone from EVENTS', gone, 20_000);
  await stand.patch(held, { suspend: false });
  await until('it is delivered', () => stand.receiver.deliveries.some(({ eventID }) => eventID === 'short'), 30_000);
});
