import { expect, test } from 'vitest';
import { ensureStreams } from '../../src/jetstream/streams.ts';
import { streamOptions } from '../jetstream/fixture.ts';
import { startEngineFixture, until } from './engine-fixture.ts';

test('goes on from the floor when its consumer was deleted by hand', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  const before = await fixture.publish();
  await until('delivered', () => fixture.receiver.counts.has(before));
  const durable = `events-${engine.engine.slotOf('team-a', config.uid)}`;
  await fixture.broker.deleteConsumer('EVENTS', durable);
  const after = await fixture.publish();
  await until('delivered', () => fixture.receiver.counts.has(after), 30_000);
  expect([...fixture.receiver.counts]).toEqual([
    [before, 1],
    [after, 1],
  ]);
  await engine.stop();
});

test('goes on when EVENTS was deleted and made anew', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.newEngine();
  await engine.start([config]);
  for (let i = 0; i < 5; i++) await fixture.publish();
  await engine.verify(config);
  const before = await fixture.publish();
  await until('delivered', () => fixture.receiver.counts.has(before));
  await fixture.broker.api.request('STREAM.DELETE.EVENTS', {}, 'Delete EVENTS');
  await ensureStreams(fixture.broker.api, streamOptions);
  // Sequence 1 again, below the one from which the webhook was owed events in the old stream.
  const after = await fixture.publish();
  await until('delivered', () => fixture.receiver.counts.has(after), 30_000);
  await engine.stop();
});

test('a full backlog of one webhook is counted as lost and does not hold the others', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const other = fixture.config();
  const engine = await fixture.newEngine();
  const { config: backlog } = await fixture.broker.api.request<{ config: Record<string, unknown> }>(
    'STREAM.INFO.BACKLOG',
    {},
    'Look at BACKLOG',
  );
  await fixture.broker.api.request('STREAM.UPDATE.BACKLOG', { ...backlog, max_msgs_per_subject: 10 }, 'Limit BACKLOG');
  await engine.start([config, other]);
  await engine.verify(config);
  await engine.verify(other);
  await engine.engine.upsert({ ...config, generation: 2, suspend: true, hold: 'Suspended' });
  const ids: string[] = [];
  for (let i = 0; i < 15; i++) ids.push(await fixture.publish());
  await until('five lost', () => engine.engine.lane(config.uid)?.pending().lost === 5);
  expect(engine.engine.lane(config.uid)?.backlogFull).toBe(true);
  await until('the other got all', () => ids.every((id) => fixture.receiver.counts.has(id)));
  await engine.engine.upsert({ ...config, generation: 3 });
  await until('ten delivered', () => fixture.receiver.requests.length === 25);
  await engine.stop();
});

test('keeps what it knows while NATS is away, and repeats no POST because of it', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const engine = await fixture.serve(config);
  fixture.receiver.answer({ kind: 'respond', status: 500, delayMs: 500 });
  const id = await fixture.publish();
  await until('under way', () => fixture.receiver.requests.length === 1);
  await fixture.server.kill();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  fixture.receiver.answer({ kind: 'challenge' });
  await fixture.server.restart();
  await until('retried', () => fixture.receiver.counts.get(id) === 2, 40_000);
  expect(fixture.receiver.requests.map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '2']);
  await engine.stop();
});
