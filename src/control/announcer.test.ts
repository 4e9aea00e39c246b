import { expect, test } from 'vitest';
import { formatTime } from '../api/time.ts';
import type { EventContent } from '../delivery/delivery.ts';
import { BrokerError, type Broker } from '../jetstream/broker.ts';
import { ManualClock } from '../kubernetes/testing/manual-clock.ts';
import type { EventInput } from '../kubernetes/event-series.ts';
import { silentLogger } from '../logger.ts';
import { Announcer } from './announcer.ts';

class Fixture {
  readonly clock = new ManualClock();
  readonly events: EventInput[] = [];
  readonly published: { readonly subject: string; readonly body: unknown }[] = [];
  faults: Error[] = [];
  ours = true;
  readonly announcer = new Announcer({
    recorder: { record: (input) => this.events.push(input) },
    broker: {
      publish: (async (subject: string, data: Uint8Array) => {
        const fault = this.faults.shift();
        if (fault !== undefined) throw fault;
        this.published.push({ subject, body: JSON.parse(Buffer.from(data).toString()) });
      }) as unknown as Broker['publish'],
    },
    webhookOf: (uid) => (this.ours ? { uid, namespace: 'a', name: 'w' } : undefined),
    clock: this.clock,
    logger: silentLogger,
  });

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

const content = { type: 'item.created', id: 'e1' } as EventContent;
const unavailable = () => new BrokerError('Unavailable', 'no answer');

test('a transition becomes a Kubernetes Event about the Webhook, and an operational event', async () => {
  const fixture = new Fixture();
  fixture.announcer.transitioned('u', [{ kind: 'Verified', reason: 'ChallengeAnswered' }], undefined);
  await fixture.pass(0);
  expect(fixture.events).toMatchObject([
    {
      regarding: { apiVersion: 'webhook-operator.dev/v1alpha1', kind: 'Webhook', namespace: 'a', name: 'w', uid: 'u' },
      reason: 'Verified',
      type: 'Normal',
    },
  ]);
  expect(fixture.published).toMatchObject([
    { subject: 'events.a.webhook-operator.verified', body: { webhook: { namespace: 'a', name: 'w', uid: 'u' } } },
  ]);
});

test('a transition that nobody needs to hear of is not told', async () => {
  const fixture = new Fixture();
  fixture.announcer.transitioned('u', [{ kind: 'Healthy' }], undefined);
  await fixture.pass(0);
  expect([...fixture.events, ...fixture.published]).toEqual([]);
});

test('what comes of an operational event is not published again, or it would never end', async () => {
  const fixture = new Fixture();
  fixture.announcer.transitioned('u', [{ kind: 'Warned', streak: 5 }], 'webhook-operator.failing');
  await fixture.pass(0);
  expect(fixture.events).toHaveLength(1);
  expect(fixture.published).toEqual([]);
});

test('a failed try to verify says when the next one comes', () => {
  const fixture = new Fixture();
  const lastFailure = { reason: 'Timeout', message: 'no answer within 10 s' } as const;
  const nextTryAt = fixture.clock.now() + 5000;
  fixture.announcer.verificationFailed('u', { tries: 0, exhausted: false });
  fixture.announcer.verificationFailed('u', { tries: 1, lastFailure, nextTryAt, exhausted: false });
  fixture.announcer.verificationFailed('u', { tries: 30, lastFailure, exhausted: true });
  expect(fixture.events.map(({ note }) => note)).toEqual([
    expect.stringContaining(`tried again at ${formatTime(nextTryAt)}`),
    expect.stringContaining('not tried again'),
  ]);
});

test('dead letters and losses are told at once and then once a minute, with a count', async () => {
  const fixture = new Fixture();
  for (let count = 0; count < 1000; count += 1) {
    fixture.announcer.deadLettered('u', content, { reason: 'HTTPStatus', message: 'status 500' });
    fixture.announcer.lost('u', 'BacklogFull', 1);
  }
  await fixture.pass(0);
  expect(fixture.events.map(({ reason }) => reason)).toEqual(['DeadLettered', 'EventsLost']);
  await fixture.pass(60_000);
  expect(fixture.events.slice(2).map(({ note }) => note)).toEqual([
    expect.stringContaining('999 deliveries'),
    expect.stringContaining('999 deliveries'),
  ]);
});

test('a stop tells what was collected, and a Webhook that is gone is told nothing of', async () => {
  const fixture = new Fixture();
  for (const uid of ['gone', 'gone', 'u', 'u']) {
    fixture.announcer.deadLettered(uid, content, { reason: 'HTTPStatus', message: 'status 500' });
  }
  fixture.announcer.forget('gone');
  expect(fixture.events).toHaveLength(2);
  await fixture.announcer.stop();
  expect(fixture.events.map(({ regarding }) => regarding.uid)).toEqual(['gone', 'u', 'u']);
  expect(fixture.published).toHaveLength(3);
});

test('nothing is told of a Webhook that another replica speaks for', async () => {
  const fixture = new Fixture();
  fixture.ours = false;
  fixture.announcer.transitioned('u', [{ kind: 'Verified', reason: 'ChallengeAnswered' }], undefined);
  const lastFailure = { reason: 'Timeout', message: 'no answer' } as const;
  fixture.announcer.verificationFailed('u', { tries: 1, lastFailure, exhausted: false });
  fixture.announcer.deadLettered('u', content, { reason: 'HTTPStatus', message: 'status 500' });
  fixture.announcer.lost('u', 'BacklogFull', 1);
  await fixture.announcer.stop();
  expect(fixture.events).toEqual([]);
});

test('publishing is tried a few times while NATS does not answer, and not again when it refuses', async () => {
  const fixture = new Fixture();
  fixture.faults = [unavailable(), unavailable()];
  fixture.announcer.transitioned('u', [{ kind: 'Verified', reason: 'ChallengeAnswered' }], undefined);
  await fixture.pass(0);
  for (let tries = 0; tries < 2; tries += 1) await fixture.pass(2000);
  expect(fixture.published).toHaveLength(1);

  fixture.faults = [new BrokerError('Rejected', 'not permitted')];
  fixture.announcer.transitioned('u', [{ kind: 'Verified', reason: 'ChallengeAnswered' }], undefined);
  fixture.faults.push(...Array.from({ length: 5 }, unavailable));
  fixture.announcer.transitioned('u', [{ kind: 'Verified', reason: 'ChallengeAnswered' }], undefined);
  await fixture.pass(0);
  for (let tries = 0; tries < 6; tries += 1) await fixture.pass(2000);
  expect(fixture.published).toHaveLength(1);
  fixture.faults = [new Error('a defect')];
  fixture.announcer.transitioned('u', [{ kind: 'Verified', reason: 'ChallengeAnswered' }], undefined);
  await fixture.pass(0);
  expect(fixture.published).toHaveLength(1);
});

test('a stop does not wait for a NATS that does not answer', async () => {
  const fixture = new Fixture();
  fixture.faults = Array.from({ length: 5 }, unavailable);
  fixture.announcer.transitioned('u', [{ kind: 'Verified', reason: 'ChallengeAnswered' }], undefined);
  await fixture.announcer.stop();
  expect(fixture.faults).toHaveLength(4);
});
