import { expect, test } from 'vitest';
import { startEngineFixture, targetOf, until } from './engine-fixture.ts';

test('delivers an event that was stored after the webhook was verified, and none from before', async ({
  onTestFinished,
}) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.newEngine();
  await fixture.publish();
  await engine.start([config]);
  await fixture.publish();
  await engine.verify(config);
  const id = await fixture.publish();
  await until('delivered', () => fixture.receiver.counts.has(id));
  expect([...fixture.receiver.counts]).toEqual([[id, 1]]);
  const state = await fixture.broker.consumerState('EVENTS', `events-${engine.engine.slotOf('team-a', config.uid)}`);
  expect(state.pending).toBe(0);
  await engine.stop();
});

test('retries with the same id and body and a growing attempt number, then dead-letters', async ({
  onTestFinished,
}) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 500, body: 'no' });
  const id = await fixture.publish();
  await until('four attempts', () => fixture.receiver.counts.get(id) === 4);
  await until('dead letter', async () => (await fixture.count('DEADLETTERS', 'dead.>')) === 1);
  expect(fixture.receiver.requests.map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '2', '3', '4']);
  expect(new Set(fixture.receiver.requests.map(({ body }) => body.toString())).size).toBe(1);
  await until('nothing waits', async () => (await fixture.count('RETRIES', 'retry.>')) === 0);
  expect(engine.engine.lane(config.uid)?.pending()).toEqual({ retrying: 0, backlog: 0, deadLettered: 1, lost: 0 });
  expect(engine.engine.lane(config.uid)?.state.streak).toBe(4);
  await engine.stop();
});

test('parks an attempt that hangs, so that the event does not stay unacked, and retries when it times out', async ({
  onTestFinished,
}) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'hang' });
  const id = await fixture.publish();
  await until('parked', async () => (await fixture.count('RETRIES', 'retry.>')) === 1);
  const durable = `events-${engine.engine.slotOf('team-a', config.uid)}`;
  await until('acked', async () => (await fixture.broker.consumerState('EVENTS', durable)).ackPending === 0);
  fixture.receiver.answer({ kind: 'challenge' });
  await until('delivered by the retry', () => (fixture.receiver.counts.get(id) ?? 0) === 2);
  await until('nothing waits', async () => (await fixture.count('RETRIES', 'retry.>')) === 0);
  expect(fixture.receiver.requests.map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '2']);
  expect(engine.engine.lane(config.uid)?.pending().retrying).toBe(0);
  await engine.stop();
});

test('a success that comes late removes the park', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', delayMs: 3000 });
  const id = await fixture.publish();
  await until('parked', async () => (await fixture.count('RETRIES', 'retry.>')) === 1);
  await until('cancelled', async () => (await fixture.count('RETRIES', 'retry.>')) === 0);
  expect(fixture.receiver.counts.get(id)).toBe(1);
  expect(engine.engine.lane(config.uid)?.pending().retrying).toBe(0);
  await engine.stop();
});

test('holds events while suspended and delivers them in order afterwards, each once', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config({}, { concurrency: 1 });
  const engine = await fixture.serve(config);
  await engine.engine.upsert({ ...config, generation: 2, suspend: true, hold: 'Suspended' });
  const ids: string[] = [];
  for (let i = 0; i < 300; i++) ids.push(await fixture.publish());
  await until('held', async () => (await fixture.count('BACKLOG', 'backlog.>')) === 300);
  expect(fixture.receiver.requests).toHaveLength(0);
  await engine.engine.upsert({ ...config, generation: 3 });
  await until('delivered', () => fixture.receiver.requests.length >= 300);
  await until('cut', async () => (await fixture.count('BACKLOG', 'backlog.>')) === 0);
  expect(fixture.receiver.requests.map(({ eventID }) => eventID)).toEqual(ids);
  const later = await fixture.publish();
  await until('open again', () => fixture.receiver.counts.has(later));
  expect(await fixture.count('BACKLOG', 'backlog.>')).toBe(0);
  await engine.stop();
});

test('disables at the threshold, keeps everything, and delivers it after a toggle', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const disable = {
    failingAfter: 2,
    warnAfter: 3,
    afterConsecutiveFailures: 5,
    minFailingDurationMs: 0,
    afterExhaustedEvents: 0,
    reactivateBy: ['Toggle'],
  } as const;
  const config = fixture.config({}, { disable });
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 503 });
  const ids: string[] = [];
  for (let i = 0; i < 50; i++) ids.push(await fixture.publish());
  await until('disabled', () => engine.transitions.some(({ transition }) => transition.kind === 'Disabled'));
  const lane = engine.engine.lane(config.uid);
  expect(lane?.state.verdict?.reason).toBe('FailureThresholdReached');
  expect(engine.transitions.map(({ transition }) => transition.kind)).toEqual([
    'Verified',
    'Failing',
    'Warned',
    'Disabled',
  ]);
  await until('all held', async () => (await fixture.count('BACKLOG', 'backlog.>')) === 50);
  await until('no retry waits', async () => (await fixture.count('RETRIES', 'retry.>')) === 0);
  fixture.receiver.answer({ kind: 'challenge' });
  fixture.receiver.forget();
  await engine.engine.upsert({ ...config, generation: 2, suspend: true, hold: 'Suspended' });
  expect(lane?.state.verdict).toBeUndefined();
  await engine.engine.upsert({ ...config, generation: 3 });
  await until('all delivered', () => ids.every((id) => fixture.receiver.counts.get(id) === 1));
  await until('empty', async () => (await fixture.count('BACKLOG', 'backlog.>')) === 0);
  expect(fixture.receiver.requests).toHaveLength(50);
  expect(lane?.state.streak).toBe(0);
  await engine.stop();
});

test('a 410 disables at once and keeps the delivery', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 410 });
  const id = await fixture.publish();
  await until('disabled', () => engine.engine.lane(config.uid)?.state.verdict?.reason === 'ReceiverGone');
  await until('held', async () => (await fixture.count('BACKLOG', 'backlog.>')) === 1);
  fixture.receiver.answer({ kind: 'challenge' });
  await engine.engine.upsert({ ...config, reactivateAnnotation: 'now' });
  await until('delivered', () => fixture.receiver.counts.get(id) === 2);
  expect(fixture.receiver.requests.map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '1']);
  await engine.stop();
});

test('hands over by will without a repeat, and the next owner goes on', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const first = await fixture.newEngine('first');
  await first.start([config]);
  await first.verify(config);
  fixture.receiver.answer({ kind: 'respond', delayMs: 20 });
  const ids: string[] = [];
  const publishing = (async () => {
    for (let i = 0; i < 500; i++) ids.push(await fixture.publish());
  })();
  await until('some delivered', () => fixture.receiver.requests.length > 50);
  await first.stop();
  const second = await fixture.newEngine('second');
  await second.start([config]);
  await publishing;
  await until('all delivered', () => ids.every((id) => fixture.receiver.counts.has(id)));
  expect(fixture.receiver.requests).toHaveLength(500);
  await second.stop();
});

test('takes over from a crashed owner without a loss', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const first = await fixture.newEngine('first');
  await first.start([config]);
  await first.verify(config);
  fixture.receiver.answer({ kind: 'respond', delayMs: 30 });
  const ids: string[] = [];
  for (let i = 0; i < 300; i++) ids.push(await fixture.publish());
  await until('some delivered', () => fixture.receiver.requests.length > 30);
  await first.crash();
  const second = await fixture.newEngine('second');
  await second.start([config]);
  await until('all delivered', () => ids.every((id) => fixture.receiver.counts.has(id)), 60_000);
  await second.stop();
});

test('a webhook whose URL changed holds its events until the new one proved itself', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  const moved = { ...config, generation: 2, target: targetOf(`${fixture.receiver.url}/moved`) };
  await engine.engine.upsert(moved);
  const id = await fixture.publish();
  await until('held', async () => (await fixture.count('BACKLOG', 'backlog.>')) === 1);
  expect(fixture.receiver.requests).toHaveLength(0);
  await engine.verify(moved);
  await until('delivered', () => fixture.receiver.counts.get(id) === 1);
  expect(fixture.receiver.requests[0]?.path).toBe('/moved');
  await engine.stop();
});

test('an ordered webhook gets its events strictly in order, also through failures', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config({}, { ordered: true });
  const engine = await fixture.serve(config);
  let calls = 0;
  fixture.receiver.answer(() => ({ kind: 'respond', status: calls++ % 3 === 1 ? 500 : 200 }));
  const ids: string[] = [];
  for (let i = 0; i < 20; i++) ids.push(await fixture.publish());
  await until('delivered', () => ids.every((id) => fixture.receiver.counts.has(id)), 30_000);
  const order = fixture.receiver.requests.map(({ eventID }) => ids.indexOf(eventID));
  expect(order).toEqual([...order].sort((a, b) => a - b));
  await engine.stop();
});

test('a deleted webhook leaves nothing behind', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 500 });
  await fixture.publish();
  await until('dead letter', async () => (await fixture.count('DEADLETTERS', 'dead.>')) === 1);
  await fixture.publish();
  await until('retry', async () => (await fixture.count('RETRIES', 'retry.>')) === 1);
  await engine.engine.remove(config.uid);
  expect(await fixture.count('DEADLETTERS', 'dead.>')).toBe(0);
  expect(await fixture.count('RETRIES', 'retry.>')).toBe(0);
  expect(await fixture.count('BACKLOG', 'backlog.>')).toBe(0);
  expect(await fixture.count('KV_webhook-operator-state', `$KV.webhook-operator-state.*.${config.uid}`)).toBe(0);
  await engine.stop();
});

test('a hanging receiver does not slow another webhook of the same slot down', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const good = fixture.config({ target: targetOf(`${fixture.receiver.url}/good`) });
  const bad = fixture.config({ target: targetOf(`${fixture.receiver.url}/bad`) });
  const engine = await fixture.serve(good, bad);
  fixture.receiver.answerPath('/bad', { kind: 'hang' });
  for (let i = 0; i < 3000; i++) void fixture.publish();
  await until('good has all', () => fixture.receiver.requests.filter(({ path }) => path === '/good').length === 3000);
  await until(
    'nothing of the bad one is unacked',
    async () =>
      (await fixture.broker.consumerState('EVENTS', `events-${engine.engine.slotOf('team-a', bad.uid)}`)).ackPending ===
      0,
  );
  await engine.stop();
});
