import { expect, test, vi } from 'vitest';
import { startEngineFixture, targetOf, until } from './engine-fixture.ts';

test('a delivery that succeeds costs no write, and its event is acked', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const one = fixture.config({ target: targetOf(`${fixture.receiver.url}/one`) });
  const two = fixture.config({ target: targetOf(`${fixture.receiver.url}/two`) });
  const engine = await fixture.serve(one, two);
  const publish = vi.spyOn(engine.broker, 'publish');
  const purge = vi.spyOn(engine.broker, 'purge');
  for (let i = 0; i < 1000; i++) await fixture.publish();
  await until('delivered', () => fixture.receiver.requests.length === 2000);
  const durable = `events-${engine.engine.slotOf('team-a', one.uid)}`;
  await until('acked', async () => {
    const { ackPending, pending } = await fixture.broker.consumerState('EVENTS', durable);
    return ackPending + pending === 0;
  });
  // What is written meanwhile belongs to the slot: its floor, and each webhook's last success twice a minute.
  const subjects = publish.mock.calls.map(([subject]) => subject);
  expect(subjects.filter((subject) => !subject.startsWith('$KV.'))).toEqual([]);
  expect(subjects.length).toBeLessThan(10);
  expect(purge).not.toHaveBeenCalled();
  await engine.stop();
});

test('a webhook that only has much to catch up with is never held in the backlog', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const config = fixture.config();
  const first = await fixture.serve(config);
  await first.stop();
  for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 500 }, () => fixture.publish()));
  const second = await fixture.newEngine();
  const publish = vi.spyOn(second.broker, 'publish');
  await second.start([config]);
  await until('delivered', () => fixture.receiver.requests.length === 10_000, 60_000);
  expect(publish.mock.calls.filter(([subject]) => subject.startsWith('backlog.'))).toEqual([]);
  await second.stop();
});

test('an outage of our own way out disables nobody', async ({ onTestFinished }) => {
  const fixture = await startEngineFixture(onTestFinished);
  const disable = {
    failingAfter: 1,
    warnAfter: 0,
    afterConsecutiveFailures: 3,
    minFailingDurationMs: 0,
    afterExhaustedEvents: 0,
    reactivateBy: ['Toggle'],
  } as const;
  // Nothing listens on these: a dozen hosts as far as the guard can tell.
  const configs = Array.from({ length: 12 }, (_, index) =>
    fixture.config({ target: targetOf(`http://127.0.0.1:${index + 1}/`) }, { disable }),
  );
  const engine = await fixture.serve(...configs);
  await fixture.publish();
  await until('every webhook failed four times', () =>
    configs.every(({ uid }) => (engine.engine.lane(uid)?.state.streak ?? 0) >= 4),
  );
  expect(engine.engine.egressSuspected).toBe(true);
  expect(configs.filter(({ uid }) => engine.engine.lane(uid)?.state.verdict !== undefined)).toEqual([]);
  await engine.stop();
});
