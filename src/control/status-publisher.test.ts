import { expect, test } from 'vitest';
import type { WebhookStatus } from '../api/webhook-status.ts';
import type { WebhookLane } from '../delivery/webhook-lane.ts';
import { initialState, verified } from '../delivery/webhook-state.ts';
import { ManualClock } from '../kubernetes/testing/manual-clock.ts';
import { configFixture } from './config.fixture.ts';
import { KnownWebhooks } from './known-webhooks.ts';
import { catalogFixture, webhookObject } from './objects.fixture.ts';
import type { Resolution } from './resolution.ts';
import { StatusPublisher } from './status-publisher.ts';

const uid = 'uid-crm';

class Fixture {
  readonly clock = new ManualClock();
  readonly sources = catalogFixture();
  readonly known = new KnownWebhooks();
  readonly written: { readonly key: string; readonly status: WebhookStatus; readonly urgent: boolean }[] = [];
  readonly forgotten: string[] = [];
  readonly gauges: unknown[] = [];
  owns = true;
  lane: WebhookLane | undefined;
  readonly publisher = new StatusPublisher({
    catalog: this.sources.catalog,
    known: this.known,
    engine: { owns: () => this.owns, lane: () => this.lane },
    driver: { progress: () => undefined },
    statuses: {
      write: (key, desired, options) => this.written.push({ key, status: desired, urgent: options?.urgent === true }),
      forget: (key) => this.forgotten.push(key),
    },
    metrics: () => ({
      setInFlight: (count) => this.gauges.push(count),
      setConsecutiveFailures: (count) => this.gauges.push(count),
      setPending: (pending) => this.gauges.push(pending),
      setConditions: (conditions) => this.gauges.push([...conditions].map(({ type, status }) => `${type}=${status}`)),
    }),
    clock: this.clock,
  });

  constructor() {
    this.sources.webhooks.set(webhookObject('team-a', 'crm'));
    const config = configFixture({ uid });
    const urlHash = config.target?.urlHash ?? '';
    const resolution: Resolution = {
      uid,
      namespace: 'team-a',
      name: 'crm',
      generation: 1,
      config,
      className: 'standard',
      source: 'team-a',
      hold: undefined,
      urlHash,
      usesSecrets: false,
      readFailed: false,
    };
    this.known.resolved(uid, { key: 'team-a/crm', slot: 3, resolution });
    const verification = { urlHash, reason: 'ChallengeAnswered' as const, at: 0 };
    const { state } = verified(initialState(config), verification, { stream: 's', sequence: 1 });
    const pending = { retrying: 1, backlog: 2, deadLettered: 3, lost: 4 };
    this.lane = {
      uid,
      config,
      state,
      inFlight: 5,
      backlogFull: false,
      lastSuccess: undefined,
      pending: () => pending,
    } as WebhookLane;
  }

  setStreak(streak: number): void {
    if (this.lane !== undefined) Object.assign(this.lane, { state: { ...this.lane.state, streak } });
  }
}

test('the status of a lane is written, at once when it is a transition, and shown by gauges', () => {
  const fixture = new Fixture();
  fixture.publisher.publish(uid);
  expect(fixture.written).toMatchObject([
    { key: 'team-a/crm', urgent: true, status: { pending: { backlog: 2 }, className: 'standard' } },
  ]);
  expect(fixture.gauges).toEqual([
    5,
    0,
    { retrying: 1, backlog: 2, deadLettered: 3, lost: 4 },
    expect.arrayContaining(['Active=True', 'Verified=True']),
  ]);
  fixture.setStreak(1);
  fixture.publisher.publish(uid);
  expect(fixture.written[1]).toMatchObject({ urgent: false, status: { consecutiveFailures: 1 } });
});

test('conditions keep their times although the cache is behind what was written last', () => {
  const fixture = new Fixture();
  fixture.publisher.publish(uid);
  fixture.clock.advance(5000);
  fixture.publisher.publish(uid);
  expect(fixture.written[1]?.status.conditions).toEqual(fixture.written[0]?.status.conditions);
});

test('a Webhook without a lane has a status and no gauges', () => {
  const fixture = new Fixture();
  fixture.lane = undefined;
  fixture.publisher.publish(uid);
  expect(fixture.written).toHaveLength(1);
  expect(fixture.gauges).toEqual([]);
});

test('nothing is written of a Webhook that is not known, is gone, or whose name another one has', () => {
  const fixture = new Fixture();
  fixture.publisher.publish('unknown');
  fixture.sources.webhooks.delete(webhookObject('team-a', 'crm'));
  fixture.publisher.publish(uid);
  fixture.sources.webhooks.set(webhookObject('team-a', 'crm', {}, { metadata: { uid: 'other' } }));
  fixture.publisher.publish(uid);
  expect(fixture.written).toEqual([]);
});

test('what belongs to another replica by now is forgotten, its waiting status too', () => {
  const fixture = new Fixture();
  fixture.owns = false;
  fixture.publisher.publish(uid);
  expect(fixture.forgotten).toEqual(['team-a/crm']);
  expect(fixture.known.get(uid)).toBeUndefined();
  expect(fixture.written).toEqual([]);
});
