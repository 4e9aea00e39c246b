import { expect, test } from 'vitest';
import { eventReasons } from '../api/event-reasons.ts';
import type { Transition } from '../delivery/webhook-state.ts';
import {
  announceDeadLetters,
  announceLoss,
  announceTransition,
  announceVerificationFailure,
  isOperational,
} from './announcements.ts';
import { start } from './webhook.fixture.ts';

const webhook = { namespace: 'team-a', name: 'crm', uid: 'uid-1' };
const failure = {
  at: start,
  eventID: 'e1',
  attempt: 2,
  statusCode: 500,
  reason: 'HTTPStatus',
  message: 'HTTP 500: no',
} as const;
const verdict = { reason: 'ReceiverGone', message: 'HTTP 410: bye', at: start } as const;
const time = '2026-01-01T00:00:00Z';

test.each<[Transition, [string, string, string] | undefined, [string, object] | undefined]>([
  [
    { kind: 'Verified', reason: 'ChallengeAnswered' },
    ['Verified', 'Verify', 'The URL has proved itself: events are delivered from now on.'],
    ['verified', {}],
  ],
  [
    { kind: 'Verified', reason: 'HandshakeAnswered' },
    ['Verified', 'Verify', 'The URL has proved itself: events are delivered from now on.'],
    ['verified', {}],
  ],
  [
    { kind: 'Verified', reason: 'NotRequired' },
    ['Verified', 'Verify', 'The class asks for no verification: events are delivered from now on.'],
    ['verified', {}],
  ],
  [
    { kind: 'Failing', failure, streak: 3 },
    ['DeliveryFailing', 'Deliver', '3 attempts in a row failed; the last: HTTP 500: no'],
    [
      'failing',
      {
        consecutiveFailures: 3,
        lastFailure: {
          time,
          eventID: 'e1',
          attempt: 2,
          statusCode: 500,
          reason: 'HTTPStatus',
          message: 'HTTP 500: no',
        },
      },
    ],
  ],
  [
    { kind: 'Failing', failure, streak: 1 },
    ['DeliveryFailing', 'Deliver', 'An attempt failed; the last: HTTP 500: no'],
    [
      'failing',
      {
        consecutiveFailures: 1,
        lastFailure: {
          time,
          eventID: 'e1',
          attempt: 2,
          statusCode: 500,
          reason: 'HTTPStatus',
          message: 'HTTP 500: no',
        },
      },
    ],
  ],
  [
    { kind: 'Warned', streak: 250 },
    ['DeliveryFailing', 'Deliver', '250 attempts in a row failed; what comes next is in its condition Failing'],
    ['failing', { consecutiveFailures: 250 }],
  ],
  [{ kind: 'Healthy' }, undefined, undefined],
  [
    { kind: 'Disabled', verdict },
    ['Disabled', 'Disable', 'ReceiverGone: HTTP 410: bye'],
    ['disabled', { reason: 'ReceiverGone', message: 'HTTP 410: bye' }],
  ],
  [
    { kind: 'Disabled', verdict: { ...verdict, failingSince: start, eventID: 'e1' } },
    ['Disabled', 'Disable', 'ReceiverGone: HTTP 410: bye'],
    ['disabled', { reason: 'ReceiverGone', message: 'HTTP 410: bye', failingSince: time, eventID: 'e1' }],
  ],
  [
    { kind: 'Reactivated', by: 'Toggle' },
    ['Reactivated', 'Reactivate', 'Re-enabled by spec.suspend: true.'],
    ['reactivated', { by: 'Toggle' }],
  ],
  [
    { kind: 'Reactivated', by: 'URLChange' },
    ['Reactivated', 'Reactivate', 'Re-enabled by another URL.'],
    ['reactivated', { by: 'URLChange' }],
  ],
])('The transition %j is told to both audiences', (transition, event, operational) => {
  const announced = announceTransition(webhook, transition, 'item.created', start);
  expect(announced.event && [announced.event.reason, announced.event.action, announced.event.note]).toEqual(event);
  expect(announced.operational).toEqual(
    operational && {
      subject: `events.team-a.webhook-operator.${operational[0]}`,
      body: { webhook, time, ...operational[1] },
    },
  );
  // What no event caused is told just the same.
  expect(announceTransition(webhook, transition, undefined, start)).toEqual(announced);
  const { operational: _operational, ...silent } = announced;
  expect(announceTransition(webhook, transition, 'webhook-operator.failing', start)).toEqual(silent);
});

test('Only types that start with webhook-operator. are the operator’s own', () => {
  expect(['webhook-operator.failing', 'webhook-operator.x.y'].map(isOperational)).toEqual([true, true]);
  expect(
    [undefined, '', 'webhook-operator', 'webhook-operatorx.a', 'a.webhook-operator.b'].map(isOperational),
  ).not.toContain(true);
});

test('A failed verification is an Event, with the reason and what comes next', () => {
  const failed = { reason: 'Timeout', message: 'no answer within 10 s' } as const;
  expect(announceVerificationFailure(failed, start + 15_000)).toEqual({
    event: {
      reason: 'VerificationFailed',
      type: 'Warning',
      action: 'Verify',
      note: 'Timeout: no answer within 10 s; it is tried again at 2026-01-01T00:00:15Z',
    },
  });
  expect(announceVerificationFailure(failed, undefined).event?.note).toBe(
    'Timeout: no answer within 10 s; it is not tried again before the spec or the annotation changes',
  );
});

test('A note has at most 1024 bytes and one line', () => {
  const message = `first\nsecond ${'ü'.repeat(2000)}`;
  const { event } = announceVerificationFailure({ reason: 'HTTPStatus', message }, start);
  expect(Buffer.byteLength(event?.note ?? '')).toBeLessThanOrEqual(1024);
  expect(event?.note).toMatch(/^HTTPStatus: first second üü/);
});

test('Dead letters are counted, and the last one is told', () => {
  const last = { eventType: 'item.created', eventID: 'e1', reason: 'HTTPStatus', message: 'HTTP 500: no' };
  expect(announceDeadLetters(webhook, 1, last, { count: 1, last }, start)).toEqual({
    event: {
      reason: 'DeadLettered',
      type: 'Warning',
      action: 'Deliver',
      note: 'A delivery was given up and kept as dead letter; the last: event e1, HTTP 500: no',
    },
    operational: {
      subject: 'events.team-a.webhook-operator.deadlettered',
      body: { webhook, time, count: 1, last },
    },
  });
  const many = announceDeadLetters(webhook, 12, last, undefined, start);
  expect(many.event?.note).toMatch(/^12 deliveries were given up and kept/);
  expect(many).not.toHaveProperty('operational');
});

test.each([
  ['BacklogFull', 1, 'A delivery was lost, because its backlog is full: '],
  ['Expired', 2, '2 deliveries were lost, because they left the stream of events before they could be sent: '],
  ['BacklogExpired', 2, '2 deliveries were lost, because they had been held for longer than '],
] as const)('Losses by %s tell their cause', (reason, count, note) => {
  const { event, ...rest } = announceLoss(reason, count);
  expect(event?.note.startsWith(note)).toBe(true);
  expect(event).toMatchObject({ reason: 'EventsLost', type: eventReasons.EventsLost.type });
  expect(rest).toEqual({});
});
