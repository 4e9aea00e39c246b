import { expect, test } from 'vitest';
import { compileFilter } from '../../src/delivery/filter.ts';
import { defaultStreamNames, eventSubject, stateStream, stateSubject } from '../../src/jetstream/subjects.ts';
import { startEngineFixture, targetOf, until } from './engine-fixture.ts';

const disableAtOnce = {
  failingAfter: 1,
  warnAfter: 0,
  afterConsecutiveFailures: 0,
  minFailingDurationMs: 0,
  afterExhaustedEvents: 1,
  reactivateBy: ['Toggle'],
} as const;
const noRetries = { scheduleMs: [], jitterPercent: 0, retryAfterMaxMs: 3_600_000 };

for (const ordered of [false, true]) {
  test(`counts events that left EVENTS while nobody worked the slot (ordered: ${ordered})`, async ({
    onTestFinished,
  }) => {
    const fixture = await startEngineFixture(onTestFinished);
    const config = fixture.config({}, { ordered });
    const first = await fixture.serve(config);
    const id = await fixture.publish();
    await until('delivered', () => fixture.receiver.counts.has(id));
    await first.stop();
    for (let i = 0; i < 7; i++) await fixture.publish();
    await fixture.broker.purge('EVENTS', 'events.>');
    const second = await fixture.newEngine();
    await second.start([config]);
    await until('counted', () => second.lostEvents() === 7);
    await second.stop();
  });

  test('the first event of a new stream is no loss', async ({ onTestFinished }) => {
    const fixture = await startEngineFixture(onTestFinished);
    const engine = await fixture.newEngine();
    expect(await fixture.broker.streamState('EVENTS')).toMatchObject({ firstSequence: 1, lastSequence: 0 });
    const config = fixture.config({}, { ordered });
    await engine.start([config]);
    await fixture.publish();
    const floor = stateSubject(defaultStreamNames, engine.engine.slotOf('team-a', config.uid), 'floor');
    const stored = async (): Promise<boolean> =>
      (await fixture.broker.getLast(stateStream(defaultStreamNames), floor)) !== undefined;
    await until('the slot looked at the stream', stored, 10_000);
    expect(engine.lostEvents()).toBe(0);
    await engine.stop();
  });
}

test('an event that left EVENTS while a large delivery of it waited is counted as lost', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 500 });
  await fixture.broker.publish(eventSubject('team-a', 'item.created'), Buffer.alloc(1_000_000), { messageID: 'large' });
  await until('failed', () => fixture.receiver.counts.get('large') === 1);
  await until('scheduled', async () => (await fixture.count('RETRIES', 'retry.>')) === 1);
  await fixture.broker.purge('EVENTS', 'events.>');
  await until('lost', () => engine.engine.lane(config.uid)?.pending().lost === 1);
  expect(fixture.receiver.requests).toHaveLength(1);
  await engine.stop();
});

test('held deliveries that left the backlog by age are counted as lost', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  for (const ordered of [false, true]) {
    const config = fixture.config({ source: ordered ? 'in-order' : 'any-order' }, { ordered });
    const engine = await fixture.serve(config);
    await engine.engine.upsert({ ...config, generation: 2, suspend: true, hold: 'Suspended' });
    for (let i = 0; i < 5; i++) await fixture.publish('item.created', config.source);
    const lane = engine.engine.lane(config.uid);
    await until('held', () => lane?.pending().backlog === 5);
    await fixture.broker.purge('BACKLOG', 'backlog.>');
    lane?.recount({ retrying: 0, backlog: 0, deadLettered: 0 }, lane.appendMark());
    expect(lane?.pending()).toMatchObject({ backlog: 0, lost: 5 });
    await engine.stop();
  }
});

const harmless = {
  'a pause that the receiver asks for': {
    behaviour: { kind: 'respond', status: 429, headers: { 'retry-after': '1' } },
    allowedCIDRs: ['127.0.0.0/8'],
  },
  'a blocked address': { behaviour: { kind: 'challenge' }, allowedCIDRs: [] },
} as const;

for (const [name, { behaviour, allowedCIDRs }] of Object.entries(harmless)) {
  test(`${name} never disables, also when the event runs out of attempts`, async ({ onTestFinished }) => {
    const fixture = await startEngineFixture(onTestFinished);
    const target = { ...targetOf(fixture.receiver.url), network: { allowedCIDRs } };
    const config = fixture.config({ target }, { disable: disableAtOnce, retry: noRetries });
    const engine = await fixture.serve(config);
    fixture.receiver.answer(behaviour);
    await fixture.publish();
    await until('dead letter', async () => (await fixture.count('DEADLETTERS', 'dead.>')) === 1);
    expect(engine.engine.lane(config.uid)?.state).toMatchObject({ streak: 0, exhausted: 0 });
    expect(engine.engine.lane(config.uid)?.state.verdict).toBeUndefined();
    await engine.stop();
  });
}

test('an ordered webhook keeps a pause that the receiver asked for', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config({}, { ordered: true, retry: noRetries });
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 429, headers: { 'retry-after': '2' } });
  for (let i = 0; i < 3; i++) await fixture.publish();
  await until('two attempts', () => fixture.receiver.requests.length === 2);
  const [first, second] = fixture.receiver.requests;
  expect((second?.time ?? 0) - (first?.time ?? 0)).toBeGreaterThan(1700);
  await engine.stop();
});

test('a pause that one URL asked for does not hold the next', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 429, headers: { 'retry-after': '3600' } });
  await fixture.publish();
  await until('paused', () => engine.engine.lane(config.uid)?.state.lastFailure?.statusCode === 429);
  fixture.receiver.answer({ kind: 'challenge' });
  const moved = { ...config, generation: 2, target: targetOf(`${fixture.receiver.url}/moved`) };
  await engine.engine.upsert(moved);
  await engine.verify(moved);
  const id = await fixture.publish();
  await until('delivered', () => fixture.receiver.counts.has(id));
  await engine.stop();
});

for (const ordered of [false, true]) {
  test(`events held for an invalid filter are filtered by the mended one (ordered: ${ordered})`, async ({
    onTestFinished,
  }) => {
    const fixture = await startEngineFixture(onTestFinished);
    const config = fixture.config({ hold: 'InvalidSpec' }, { ordered });
    const engine = await fixture.serve(config);
    const publish = (body: string, id: string) =>
      fixture.broker.publish(eventSubject('team-a', 'item.created'), Buffer.from(body), { messageID: id });
    await publish('{"kind":"other"}', 'other');
    await publish('{"kind":"wanted"}', 'wanted');
    await until('held', async () => (await fixture.count('BACKLOG', 'backlog.>')) === 2);
    const { hold: _hold, ...mended } = config;
    await engine.engine.upsert({ ...mended, generation: 2, filter: compileFilter('data.kind == "wanted"') });
    await until('empty', async () => (await fixture.count('BACKLOG', 'backlog.>')) === 0);
    expect([...fixture.receiver.counts.keys()]).toEqual(['wanted']);
    await engine.stop();
  });
}

test('a webhook stays in the order in which it was first seen, whatever its class says later', async ({
  onTestFinished,
}) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const first = await fixture.serve(config);
  for (let i = 0; i < 5; i++) await fixture.publish();
  await until('delivered', () => fixture.receiver.requests.length === 5);
  await first.stop();
  const second = await fixture.newEngine();
  await second.start([{ ...config, generation: 2, delivery: { ...config.delivery, ordered: true } }]);
  const id = await fixture.publish();
  await until('delivered', () => fixture.receiver.counts.has(id));
  expect(fixture.receiver.requests).toHaveLength(6);
  await second.stop();
});

test('after a crash an ordered webhook waits for the attempt of its former owner, whatever its class says now', async ({
  onTestFinished,
}) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config({}, { ordered: true });
  const first = await fixture.serve(config);
  await first.crash();
  const takenFrom = Date.now();
  const second = await fixture.newEngine();
  await second.start([{ ...config, generation: 2, delivery: { ...config.delivery, ordered: false } }]);
  const id = await fixture.publish();
  await until('delivered', () => fixture.receiver.counts.has(id));
  // 5 s for the claim, then the longest that an attempt can last: 4 s here.
  expect(Date.now() - takenFrom).toBeGreaterThan(8500);
  await second.stop();
});

test('a lane with a bad streak makes one attempt at a time', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const retry = { scheduleMs: [600_000], jitterPercent: 0, retryAfterMaxMs: 0 };
  const config = fixture.config({}, { retry });
  const engine = await fixture.serve(config);
  let open = 0;
  let most = 0;
  fixture.receiver.answer(() => {
    const bad = (engine.engine.lane(config.uid)?.state.streak ?? 0) >= 5;
    if (bad) most = Math.max(most, ++open);
    if (bad) setTimeout(() => open--, 40);
    return { kind: 'respond', status: 500, delayMs: 40 };
  });
  for (let i = 0; i < 40; i++) await fixture.publish();
  await until('all were tried', () => fixture.receiver.requests.length === 40);
  // Attempts that began before the streak was bad may still be open beside the first one.
  expect(most).toBeLessThanOrEqual(2);
  await engine.stop();
});

test('while RETRIES is nearly full, failures wait in the backlog with their number and time', async ({
  onTestFinished,
}) => {
  const fixture = await startEngineFixture(onTestFinished);
  const { config: retries } = await fixture.broker.api.request<{ config: object }>('STREAM.INFO.RETRIES', {}, 'Look');
  await fixture.broker.api.request('STREAM.UPDATE.RETRIES', { ...retries, max_bytes: 4096 }, 'Limit RETRIES');
  const retry = { scheduleMs: [2500, 2500], jitterPercent: 0, retryAfterMaxMs: 0 };
  const config = fixture.config({}, { retry });
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 500 });
  // Enough to fill it; the next look at the stream comes within 5 s.
  for (let i = 0; i < 5; i++) {
    await fixture.broker.publish(`retry.sched.9.${'f'.repeat(36)}.k${i}`, Buffer.alloc(600), {
      schedule: { at: Date.now() + 600_000, target: `retry.due.9.${'f'.repeat(36)}` },
    });
  }
  await new Promise((resolve) => setTimeout(resolve, 6000));
  const id = await fixture.publish();
  await until('held with its time', async () => (await fixture.count('BACKLOG', 'backlog.>')) === 1);
  const slot = engine.engine.slotOf('team-a', config.uid);
  const [entry] = await engine.engine.stores.backlog.read(slot, config.uid, 1, 1);
  expect(entry?.record).toMatchObject({ eventID: id, attempt: 2, heldBy: 'Overflow' });
  expect(entry?.record?.dueAt).toBeGreaterThan(entry?.record?.firstAttemptAt ?? Infinity);
  fixture.receiver.answer({ kind: 'challenge' });
  await until('delivered when it was due', () => fixture.receiver.counts.get(id) === 2);
  await engine.stop();
}, 60_000);

test('pulling pauses while the events in hand are over the memory limit', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  await (await fixture.serve(config)).stop();
  for (let i = 0; i < 700; i++) {
    const body = Buffer.alloc(5000, 'x');
    await fixture.broker.publish(eventSubject('team-a', 'item.created'), body, { messageID: `e${i}` });
  }
  fixture.receiver.answer({ kind: 'respond', delayMs: 1000 });
  const engine = await fixture.newEngine('small', { maxBytes: 100_000 });
  await engine.start([config]);
  const durable = `events-${engine.engine.slotOf('team-a', config.uid)}`;
  let most = 0;
  await until('delivered once', async () => {
    most = Math.max(most, (await fixture.broker.consumerState('EVENTS', durable)).ackPending);
    return fixture.receiver.requests.length > 0 && engine.engine.bytesInHand > 100_000 && most > 0;
  });
  const end = Date.now() + 700;
  await until('a while', async () => {
    most = Math.max(most, (await fixture.broker.consumerState('EVENTS', durable)).ackPending);
    return Date.now() > end;
  });
  // What had been asked for still arrives: 256. Without the pause it would be over 512.
  expect(most).toBeLessThan(400);
  await engine.stop();
});

test('large backlogs are delivered whole under a small memory limit, and leave nothing counted', async ({
  onTestFinished,
}) => {
  const fixture = await startEngineFixture(onTestFinished);
  const configs = Array.from({ length: 4 }, () => fixture.config());
  const engine = await fixture.newEngine('small', { maxBytes: 2_000_000 });
  await engine.start(configs);
  for (const config of configs) await engine.verify(config);
  for (const config of configs) {
    await engine.engine.upsert({ ...config, generation: 2, suspend: true, hold: 'Suspended' });
  }
  for (let i = 0; i < 10; i++) {
    await fixture.broker.publish(eventSubject('team-a', 'item.created'), Buffer.alloc(300_000), { messageID: `e${i}` });
  }
  await until('held', async () => (await fixture.count('BACKLOG', 'backlog.>')) === 40);
  fixture.receiver.answer({ kind: 'respond', delayMs: 20 });
  for (const config of configs) await engine.engine.upsert({ ...config, generation: 3 });
  await until('all delivered', () => fixture.receiver.requests.length === 40);
  await until('empty', async () => (await fixture.count('BACKLOG', 'backlog.>')) === 0);
  expect(engine.engine.bytesInHand).toBe(0);
  await engine.stop();
});
