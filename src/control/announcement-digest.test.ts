import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../kubernetes/testing/manual-clock.ts';
import type { AnnouncedWebhook, Announcement } from './announcement.ts';
import { DeadLetterDigest, LossDigest } from './announcement-digest.ts';

const crm = { namespace: 'team-a', name: 'crm', uid: 'uid-1' };
const erp = { namespace: 'team-b', name: 'erp', uid: 'uid-2' };
const fact = (eventID: string, eventType = 'item.created') => ({
  eventType,
  eventID,
  reason: 'HTTPStatus',
  message: 'HTTP 500',
});

interface Told {
  readonly at: number;
  readonly webhook: AnnouncedWebhook;
  readonly announcement: Announcement;
}

function setUp() {
  const clock = new ManualClock();
  const started = clock.now();
  const told: Told[] = [];
  const options = {
    clock,
    announce: (webhook: AnnouncedWebhook, announcement: Announcement) => {
      told.push({ at: clock.now() - started, webhook, announcement });
    },
  };
  return { clock, told, deadLetters: new DeadLetterDigest(options), losses: new LossDigest(options) };
}

const counts = (told: readonly Told[]) =>
  told.map(({ at, announcement }) => [
    at,
    announcement.event?.note.split(' ')[0],
    announcement.operational?.body['count'],
  ]);

test('The first dead letter is told at once, those of the next minute together at its end', () => {
  const { clock, told, deadLetters } = setUp();
  deadLetters.add(crm, fact('e1'));
  expect(counts(told)).toEqual([[0, 'A', 1]]);
  clock.advance(10_000);
  deadLetters.add(crm, fact('e2'));
  deadLetters.add(crm, fact('e3'));
  clock.advance(49_999);
  expect(told).toHaveLength(1);
  clock.advance(1);
  expect(counts(told).slice(1)).toEqual([[60_000, '2', 2]]);
  expect(told[1]?.announcement.operational?.body['last']).toEqual(fact('e3'));
});

test('After a quiet minute nothing is remembered, and the next one is told at once', () => {
  const { clock, told, deadLetters } = setUp();
  deadLetters.add(crm, fact('e1'));
  clock.advance(60_000);
  expect(deadLetters.size).toBe(0);
  expect(clock.pendingTimers).toBe(0);
  deadLetters.add(crm, fact('e2'));
  expect(counts(told)).toEqual([
    [0, 'A', 1],
    [60_000, 'A', 1],
  ]);
});

test('Each webhook has its own minute', () => {
  const { told, deadLetters } = setUp();
  deadLetters.add(crm, fact('e1'));
  deadLetters.add(erp, fact('e1'));
  expect(told.map(({ webhook }) => webhook)).toEqual([crm, erp]);
  expect(told[1]?.announcement.operational?.subject).toBe('events.team-b.webhook-operator.deadlettered');
});

test('Dead letters of the operator’s own events show in the Event only', () => {
  const { clock, told, deadLetters } = setUp();
  deadLetters.add(crm, fact('e1', 'webhook-operator.deadlettered'));
  expect(told[0]?.announcement).not.toHaveProperty('operational');
  deadLetters.add(crm, fact('e2'));
  deadLetters.add(crm, fact('e3'));
  deadLetters.add(crm, fact('e4', 'webhook-operator.failing'));
  clock.advance(60_000);
  expect(counts(told).slice(1)).toEqual([[60_000, '3', 2]]);
  expect(told[1]?.announcement.event?.note).toContain('event e4');
  expect(told[1]?.announcement.operational?.body['last']).toEqual(fact('e3'));
});

test('Nothing is told of a webhook that is gone', () => {
  const { clock, told, deadLetters } = setUp();
  deadLetters.add(crm, fact('e1'));
  deadLetters.add(crm, fact('e2'));
  deadLetters.forget(crm.uid);
  deadLetters.forget('never heard of');
  clock.advance(600_000);
  expect(told).toHaveLength(1);
});

test('At the end what is collected is told at once', () => {
  const { clock, told, deadLetters } = setUp();
  deadLetters.add(crm, fact('e1'));
  deadLetters.add(erp, fact('e1'));
  deadLetters.add(erp, fact('e2'));
  deadLetters.flush();
  expect(counts(told).slice(2)).toEqual([[0, 'A', 1]]);
  expect(clock.pendingTimers).toBe(0);
});

test('Losses are added up, and the last reason is told', () => {
  const { clock, told, losses } = setUp();
  losses.add(crm, 'BacklogFull', 1);
  losses.add(crm, 'BacklogFull', 3);
  losses.add(crm, 'Expired', 4);
  clock.advance(60_000);
  expect(told.map(({ announcement }) => announcement.event?.note)).toEqual([
    expect.stringMatching(/^A delivery was lost, because its backlog/),
    expect.stringMatching(/^7 deliveries were lost, because they left/),
  ]);
});

test('The interval can be another', () => {
  const clock = new ManualClock();
  const told: Announcement[] = [];
  const digest = new LossDigest({
    clock,
    intervalMs: 5,
    announce: (_webhook, announcement) => told.push(announcement),
  });
  digest.add(crm, 'Expired', 1);
  digest.add(crm, 'Expired', 1);
  clock.advance(5);
  expect(told).toHaveLength(2);
});

test('Whenever dead letters come, all are counted once, and never two announcements within a minute', () => {
  const step = fc.record({ waitMs: fc.integer({ min: 0, max: 90_000 }), own: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { clock, told, deadLetters } = setUp();
      for (const [index, { waitMs, own }] of steps.entries()) {
        clock.advance(waitMs);
        deadLetters.add(crm, fact(`e${index}`, own ? 'webhook-operator.failing' : 'a'));
      }
      clock.advance(120_000);
      const published = told.flatMap(({ announcement }) => announcement.operational?.body['count'] ?? []);
      const sum = published.reduce<number>((total, count) => total + (count as number), 0);
      expect(sum).toBe(steps.filter(({ own }) => !own).length);
      const noted = told.reduce(
        (total, { announcement }) => total + (Number.parseInt(announcement.event?.note ?? '', 10) || 1),
        0,
      );
      expect(noted).toBe(steps.length);
      for (const [index, { at }] of told.entries())
        expect(at - (told[index - 1]?.at ?? -60_000)).toBeGreaterThanOrEqual(60_000);
      expect(clock.pendingTimers).toBe(0);
    }),
  );
});
