import { expect, test } from 'vitest';
import { compileFilter } from '../../src/delivery/filter.ts';
import { parseSigningKey } from '../../src/delivery/signature.ts';
import { eventSubject } from '../../src/jetstream/subjects.ts';
import { Webhook } from 'standardwebhooks';
import { startEngineFixture, targetOf, until } from './engine-fixture.ts';

test('a Retry-After on 429 pauses the whole webhook and does not count', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 429, headers: { 'retry-after': '2' } });
  const first = await fixture.publish();
  await until('refused', () => fixture.receiver.requests.length === 1);
  const pausedAt = Date.now();
  fixture.receiver.answer({ kind: 'challenge' });
  const second = await fixture.publish();
  await until('both delivered', () =>
    [first, second].every((id) => fixture.receiver.requests.some((r) => r.eventID === id && r.time > pausedAt + 100)),
  );
  for (const request of fixture.receiver.requests.slice(1)) expect(request.time - pausedAt).toBeGreaterThan(1700);
  expect(engine.engine.lane(config.uid)?.state.streak).toBe(0);
  expect(engine.engine.lane(config.uid)?.state.lastFailure?.statusCode).toBe(429);
  await engine.stop();
});

test('a rule with action Reject makes a dead letter of the first attempt', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config({}, { responses: [{ statusCodes: ['4xx'], action: 'Reject' }] });
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 422, body: 'no such board' });
  const id = await fixture.publish();
  await until('dead letter', async () => (await fixture.count('DEADLETTERS', 'dead.>')) === 1);
  const slot = engine.engine.slotOf('team-a', config.uid);
  const [letter] = await engine.engine.stores.deadLetters.read(slot, config.uid, 1, 10);
  expect(letter?.record?.last).toEqual({ statusCode: 422, reason: 'HTTPStatus', message: 'no such board' });
  expect(letter?.record?.eventID).toBe(id);
  expect(Buffer.from(letter?.record?.body as Uint8Array).toString()).toBe(JSON.stringify({ id }));
  expect(fixture.receiver.requests).toHaveLength(1);
  await engine.stop();
});

test('a retry whose type is no longer wanted is settled without an attempt', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 500 });
  await fixture.publish();
  await until('retry waits', async () => (await fixture.count('RETRIES', 'retry.>')) === 1);
  await engine.engine.upsert({ ...config, generation: 2, patterns: ['other.>'] });
  await until('settled', async () => (await fixture.count('RETRIES', 'retry.>')) === 0);
  expect(fixture.receiver.requests).toHaveLength(1);
  await engine.stop();
});

test('a filter decides by the data, and an error in it is no match', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config({ filter: compileFilter('data.kind == "wanted"') });
  const engine = await fixture.serve(config);
  const publish = (body: string, id: string) =>
    fixture.broker.publish(eventSubject('team-a', 'item.created'), Buffer.from(body), { messageID: id });
  await publish('{"kind":"other"}', 'other');
  await publish('not json', 'broken');
  await publish('{"kind":"wanted"}', 'wanted');
  await until('delivered', () => fixture.receiver.counts.has('wanted'));
  expect([...fixture.receiver.counts.keys()]).toEqual(['wanted']);
  expect(engine.engine.lane(config.uid)?.filterFaults).toMatchObject({ count: 1 });
  await engine.stop();
});

test('drops what comes while it is suspended when the class says so', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config({}, { whileInactive: 'Drop' });
  const engine = await fixture.serve(config);
  await engine.engine.upsert({ ...config, generation: 2, suspend: true, hold: 'Suspended' });
  await fixture.publish();
  const durable = `events-${engine.engine.slotOf('team-a', config.uid)}`;
  await until('read', async () => (await fixture.broker.consumerState('EVENTS', durable)).pending === 0);
  await until('acked', async () => (await fixture.broker.consumerState('EVENTS', durable)).ackPending === 0);
  await engine.engine.upsert({ ...config, generation: 3 });
  const later = await fixture.publish();
  await until('delivered', () => fixture.receiver.counts.has(later));
  expect(fixture.receiver.requests).toHaveLength(1);
  expect(await fixture.count('BACKLOG', 'backlog.>')).toBe(0);
  await engine.stop();
});

test('an event that does not fit the envelope is a dead letter and does not count against the receiver', async ({
  onTestFinished,
}) => {
  const fixture = await startEngineFixture(onTestFinished);
  const target = { ...targetOf(fixture.receiver.url), payloadFormat: 'Event' } as const;
  const config = fixture.config({ target });
  const engine = await fixture.serve(config);
  await fixture.broker.publish(eventSubject('team-a', 'item.created'), Buffer.from('not json'), { messageID: 'bad' });
  await fixture.broker.publish(eventSubject('team-a', 'item.created'), Buffer.from('{"n":1.50}'), {
    messageID: 'good',
  });
  await until('delivered', () => fixture.receiver.counts.has('good'));
  await until('dead letter', async () => (await fixture.count('DEADLETTERS', 'dead.>')) === 1);
  expect(fixture.receiver.requests.map(({ body }) => body.toString())).toEqual(['{"event":{"n":1.50}}']);
  expect(engine.engine.lane(config.uid)?.state.streak).toBe(0);
  await engine.stop();
});

test('an event of 1 MiB with large headers is retried with the same bytes', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 503 });
  const body = Buffer.alloc(980_000, 'x');
  await fixture.broker.publish(eventSubject('team-a', 'item.created'), body, {
    messageID: 'large',
    headers: { 'X-Large': 'y'.repeat(60_000), 'Nats-TTL-Like': '1' },
  });
  await until('two attempts', () => fixture.receiver.counts.get('large') === 2, 30_000);
  fixture.receiver.answer({ kind: 'challenge' });
  await until('settled', async () => (await fixture.count('RETRIES', 'retry.>')) === 0);
  for (const request of fixture.receiver.requests) expect(request.body.equals(body)).toBe(true);
  await engine.stop();
});

for (const ordered of [false, true]) {
  test(`keeps to the rate limit (ordered: ${ordered})`, async ({ onTestFinished }) => {
    const fixture = await startEngineFixture(onTestFinished);
    const config = fixture.config({}, { ordered, rateLimit: { requests: 5, perMs: 500 } });
    const engine = await fixture.serve(config);
    for (let i = 0; i < 25; i++) await fixture.publish();
    await until('all delivered', () => fixture.receiver.requests.length === 25);
    const times = fixture.receiver.requests.map(({ time }) => time);
    // A full bucket at first, then evenly: 20 more take 4 periods.
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(1700);
    expect(new Set(fixture.receiver.counts.values())).toEqual(new Set([1]));
    await engine.stop();
  });
}

test('signs each attempt so that the official library accepts it', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
  const target = {
    ...targetOf(fixture.receiver.url),
    signingScheme: 'StandardWebhooks',
    signingKeys: [parseSigningKey(Buffer.from(secret))],
  } as const;
  const config = fixture.config({ target });
  const engine = await fixture.serve(config);
  const id = await fixture.publish();
  await until('delivered', () => fixture.receiver.counts.has(id));
  const [request] = fixture.receiver.requests;
  expect(new Webhook(secret).verify(request?.body.toString() ?? '', { ...request?.headers })).toEqual({ id });
  await engine.stop();
});
