import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  audit,
  auditLine,
  violations,
  type AuditedWebhook,
  type AuditInput,
  type Fault,
  type Receipt,
  type StoredEvent,
} from './audit.ts';

const event = (sequence: number, fields: Partial<StoredEvent> = {}): StoredEvent => ({
  sequence,
  partition: 3,
  source: 'team-a',
  type: 'item.created',
  id: `event-${sequence}`,
  ...fields,
});
const webhook = (fields: Partial<AuditedWebhook> = {}): AuditedWebhook => ({
  uid: 'w1',
  name: 'one',
  source: 'team-a',
  events: ['item.created'],
  owedAfter: 0,
  ...fields,
});
const receipt = (sequence: number, time = 100, fields: Partial<Receipt> = {}): Receipt => ({
  uid: 'w1',
  eventID: `event-${sequence}`,
  time,
  accepted: true,
  ...fields,
});
const crash = (fields: Partial<Fault> = {}): Fault => ({
  name: 'crash',
  from: 1000,
  until: 1010,
  unacked: [],
  held: [],
  ...fields,
});

describe('what is owed', () => {
  test.each([
    ['item.created', 'item.created', true],
    ['item.created', 'item.created.twice', false],
    ['item.*', 'item.deleted', true],
    ['item.*', 'item.deleted.twice', false],
    ['item.>', 'item.deleted.twice', true],
    ['item.>', 'item', false],
    ['>', 'anything.at.all', true],
    ['item.created', 'itemXcreated', false],
  ])('by the pattern %s of %s: %s', (pattern, type, owed) => {
    const { pairs } = audit({
      events: [event(1, { type })],
      webhooks: [webhook({ events: [pattern] })],
      receipts: [],
      held: [],
    });
    expect(pairs).toBe(owed ? 1 : 0);
  });

  test('is nothing of another source, nothing from before the webhook was verified, and no pair twice', () => {
    const result = audit({
      events: [event(5), event(6), event(7, { source: 'team-b' })],
      webhooks: [webhook({ events: ['item.*', 'item.created'], owedAfter: 5 })],
      receipts: [],
      held: [],
    });
    expect(result.lost.map(({ event: { sequence } }) => sequence)).toEqual([6]);
  });

  test('a request that was not answered with 2xx is no delivery', () => {
    const receipts = [receipt(1, 100, { accepted: false })];
    const result = audit({ events: [event(1)], webhooks: [webhook()], receipts, held: [] });
    expect(result).toMatchObject({ delivered: 0, unexpected: [] });
    expect(result.lost).toHaveLength(1);
  });

  test('an event that the webhook did not ask for is told', () => {
    const foreign = [receipt(1, 1, { uid: 'w2' }), receipt(9), receipt(2)];
    const result = audit({
      events: [event(1), event(2, { type: 'other' })],
      webhooks: [webhook()],
      receipts: [receipt(1), ...foreign],
      held: [],
    });
    expect(result.unexpected).toEqual(foreign);
  });
});

describe('what a webhook asked for only for a while', () => {
  test('may have come or not', () => {
    const world = {
      events: [event(1), event(2, { type: 'item.changed' }), event(3, { type: 'other' })],
      webhooks: [webhook({ formerEvents: ['item.changed'] })],
      held: [],
    };
    const without = audit({ ...world, receipts: [receipt(1)] });
    expect(without).toMatchObject({ pairs: 1, lost: [], unexpected: [] });
    const all = audit({ ...world, receipts: [receipt(1), receipt(2), receipt(3)] });
    expect(all).toMatchObject({ pairs: 1, delivered: 1, unexpected: [receipt(3)] });
  });

  test('is still told when it comes twice', () => {
    const result = audit({
      events: [event(2, { type: 'item.changed' })],
      webhooks: [webhook({ formerEvents: ['item.changed'] })],
      receipts: [receipt(2), receipt(2, 200)],
      held: [],
    });
    expect(result.unexplained).toHaveLength(1);
  });
});

describe('an ordered webhook', () => {
  const orderOf = (...receipts: Receipt[]) =>
    audit({ events: [event(1), event(2), event(3)], webhooks: [webhook({ ordered: true })], receipts, held: [] });

  test('may get its latest event again, and leave one out', () => {
    const refused = receipt(1, 100, { accepted: false });
    expect(orderOf(refused, receipt(1, 200), receipt(3, 300), receipt(3, 400)).outOfOrder).toEqual([]);
  });

  test('may not get an older one, taken or refused', () => {
    const late = [receipt(1, 300), receipt(2, 400, { accepted: false })];
    expect(orderOf(receipt(1, 100), receipt(3, 200), ...late).outOfOrder).toEqual(late);
  });

  test('is the only kind whose order counts', () => {
    const receipts = [receipt(2, 100), receipt(1, 200)];
    const result = audit({ events: [event(1), event(2)], webhooks: [webhook()], receipts, held: [] });
    expect(result.outOfOrder).toEqual([]);
  });
});

describe('the violations', () => {
  test('are none of a complete world', () => {
    const complete = { events: [event(1)], webhooks: [webhook()], receipts: [receipt(1)], held: [] };
    expect(violations(audit(complete))).toEqual([]);
  });

  test('name each kind with its number', () => {
    const result = audit({
      events: [event(1), event(2), event(3), event(4)],
      webhooks: [webhook({ ordered: true })],
      receipts: [receipt(3), receipt(2, 200), receipt(2, 300), receipt(9)],
      held: [{ place: 'Backlog', uid: 'w1', sequence: 1 }],
    });
    expect(violations(result)).toEqual([
      '1 lost',
      '1 still waiting',
      '1 repeated without a cause',
      '1 deliveries that nobody asked for',
      '2 out of order',
    ]);
  });
});

describe('a repeat', () => {
  const twice: AuditInput = {
    events: [event(1), event(2)],
    webhooks: [webhook()],
    receipts: [receipt(1, 900), receipt(2, 905), receipt(1, 2000)],
    held: [],
  };
  const repeatsUnder = (...faults: Fault[]) => audit({ ...twice, faults });

  test('without a fault is never explained', () => {
    expect(repeatsUnder()).toMatchObject({ repeats: 1, allowedRepeats: 0 });
    expect(repeatsUnder().unexplained).toHaveLength(1);
  });

  test.each(['Backlog', 'Retry'] as const)('of what lay in the %s when the owner died is explained', (place) => {
    const result = repeatsUnder(crash({ held: [{ place, uid: 'w1', sequence: 1 }] }));
    expect(result).toMatchObject({ repeats: 1, allowedRepeats: 1, unexplained: [] });
  });

  test('of a dead letter is not', () => {
    const result = repeatsUnder(crash({ held: [{ place: 'DeadLetter', uid: 'w1', sequence: 1 }] }));
    expect(result.unexplained).toHaveLength(1);
  });

  test('of an event that was not acknowledged is explained, for as many events as there were', () => {
    const range = { partition: 3, after: 0, through: 2 };
    expect(repeatsUnder(crash({ unacked: [{ ...range, count: 1 }] })).unexplained).toEqual([]);
    const both = { ...twice, receipts: [...twice.receipts, receipt(2, 2000)] };
    const result = audit({ ...both, faults: [crash({ unacked: [{ ...range, count: 1 }] })] });
    expect(result).toMatchObject({ repeats: 2, allowedRepeats: 1 });
    expect(result.unexplained).toHaveLength(1);
  });

  test.each([
    ['another partition', { partition: 4, after: 0, through: 2, count: 2 }],
    ['what was acknowledged', { partition: 3, after: 1, through: 2, count: 1 }],
    ['what was not handed out yet', { partition: 3, after: -1, through: 0, count: 1 }],
  ])('is not explained by %s', (_what, range) => {
    expect(repeatsUnder(crash({ unacked: [range] })).unexplained).toHaveLength(1);
  });

  test('is not explained by a fault before the first delivery, or after the second', () => {
    const held = [{ place: 'Backlog', uid: 'w1', sequence: 1 }] as const;
    expect(repeatsUnder(crash({ from: 100, until: 110, held })).unexplained).toHaveLength(1);
    expect(repeatsUnder(crash({ from: 3000, until: 3010, held })).unexplained).toHaveLength(1);
  });

  test('comes at most once for each fault', () => {
    const held = [{ place: 'Backlog', uid: 'w1', sequence: 1 }] as const;
    const thrice = { ...twice, receipts: [...twice.receipts, receipt(1, 2100)] };
    const one = audit({ ...thrice, faults: [crash({ held })] });
    expect(one.unexplained).toMatchObject([{ repeats: 2, allowed: 1 }]);
    const two = audit({ ...thrice, faults: [crash({ held }), crash({ from: 2050, until: 2060, held })] });
    expect(two).toMatchObject({ repeats: 2, allowedRepeats: 2, unexplained: [] });
  });
});

const types = ['item.created', 'item.deleted', 'order.paid'];
const patterns = [...types, 'item.*', 'order.>', '>'];

/** A world in which everything that is owed arrived once. */
const completeWorld = fc
  .record({
    events: fc.array(fc.record({ source: fc.constantFrom('a', 'b'), type: fc.constantFrom(...types) }), {
      minLength: 1,
      maxLength: 20,
    }),
    webhooks: fc.array(
      fc.record({
        source: fc.constantFrom('a', 'b'),
        events: fc.uniqueArray(fc.constantFrom(...patterns), { minLength: 1, maxLength: 3 }),
        owedAfter: fc.nat(10),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  })
  .map(({ events, webhooks }) => {
    const stored = events.map((fields, index) => event(index + 1, fields));
    const audited = webhooks.map((fields, index) => webhook({ uid: `w${index}`, name: `w${index}`, ...fields }));
    // `lost` of an audit without any receipt is the list of what is owed.
    const owed = audit({ events: stored, webhooks: audited, receipts: [], held: [] }).lost;
    const receipts = owed.map((pair) => receipt(pair.event.sequence, 100, { uid: pair.webhook.uid }));
    return { events: stored, webhooks: audited, receipts, held: [] } satisfies AuditInput;
  });
const nonEmptyWorld = completeWorld.filter(({ receipts }) => receipts.length > 0);

describe('over any world', () => {
  test('nothing is lost when everything arrived', () => {
    fc.assert(
      fc.property(completeWorld, (world) => {
        const result = audit(world);
        expect(result).toMatchObject({ lost: [], repeats: 0, unexpected: [], delivered: world.receipts.length });
        expect(result.pairs).toBe(world.receipts.length);
      }),
    );
  });

  test('a delivery that is taken away is always found, whichever it is', () => {
    fc.assert(
      fc.property(nonEmptyWorld, fc.nat(), (world, choice) => {
        const removed = world.receipts[choice % world.receipts.length];
        const { lost } = audit({ ...world, receipts: world.receipts.filter((one) => one !== removed) });
        const found = lost.map((pair) => `${pair.webhook.uid} ${pair.event.id}`);
        expect(found).toEqual([`${removed?.uid} ${removed?.eventID}`]);
      }),
    );
  });

  test('whatever lies in one of our streams is not lost, and is counted there', () => {
    const place = fc.constantFrom('Retry' as const, 'Backlog' as const, 'DeadLetter' as const);
    fc.assert(
      fc.property(nonEmptyWorld, fc.nat(), place, (world, choice, where) => {
        const moved = world.receipts[choice % world.receipts.length];
        const receipts = world.receipts.filter((one) => one !== moved);
        const sequence = Number(moved?.eventID.slice('event-'.length));
        const result = audit({ ...world, receipts, held: [{ place: where, uid: moved?.uid ?? '', sequence }] });
        expect(result.lost).toEqual([]);
        expect([result.deadLettered, result.waiting]).toEqual(where === 'DeadLetter' ? [1, 0] : [0, 1]);
      }),
    );
  });

  test('every delivery that is repeated is found and, without a fault, unexplained', () => {
    fc.assert(
      fc.property(nonEmptyWorld, fc.nat(), fc.integer({ min: 1, max: 3 }), (world, choice, times) => {
        const again = world.receipts[choice % world.receipts.length] ?? receipt(1);
        const repeated = Array.from({ length: times }, () => again);
        const result = audit({ ...world, receipts: [...world.receipts, ...repeated] });
        expect(result).toMatchObject({ lost: [], repeats: times });
        expect(result.unexplained).toHaveLength(1);
      }),
    );
  });
});

test('the line for people gives every number', () => {
  const result = audit({
    events: [event(1), event(2), event(3), event(4)],
    webhooks: [webhook()],
    receipts: [receipt(1, 900), receipt(1, 2000)],
    held: [
      { place: 'DeadLetter', uid: 'w1', sequence: 2 },
      { place: 'Retry', uid: 'w1', sequence: 3 },
    ],
    faults: [crash({ held: [{ place: 'Retry', uid: 'w1', sequence: 1 }] })],
  });
  expect(auditLine('crash', result, 61_234)).toBe(
    'crash: 4 events, 1 webhooks, 4 pairs: 1 delivered, 1 dead-lettered, 1 waiting, 1 lost; 1 duplicates (allowed 1), 61.2 s',
  );
});
