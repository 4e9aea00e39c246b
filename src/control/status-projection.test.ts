import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { webhookStatusSchema, type WebhookStatus } from '../api/webhook-status.ts';
import { failureReasons } from '../delivery/attempt.ts';
import type { WebhookState } from '../delivery/webhook-state.ts';
import type { LaneView } from './lane-view.ts';
import type { Resolution } from './resolution.ts';
import { isTransition, projectStatus } from './status-projection.ts';
import { classes, laneView, resolve, spec, start, webhookClass } from './webhook.fixture.ts';

const resolution = await resolve();
const success = { at: start + 500, eventID: 'e2', statusCode: 204, durationMs: 12.4 };
const failure = {
  at: start,
  eventID: 'e1',
  attempt: 2,
  statusCode: 503,
  reason: 'HTTPStatus',
  message: 'HTTP 503',
} as const;
const verdict = {
  reason: 'ReceiverGone',
  message: 'HTTP 410',
  at: start + 1000,
  failingSince: start,
  eventID: 'e1',
} as const;

function project(lane: LaneView | undefined, previous?: WebhookStatus, resolved: Resolution = resolution, now = start) {
  return projectStatus({ previous, resolution: resolved, lane, verification: undefined, now });
}

test('The status of a webhook that delivers', () => {
  const lane = laneView(resolution, { lastSuccess: success });
  const { conditions, ...rest } = project({ ...lane, pending: { retrying: 1, backlog: 2, deadLettered: 3, lost: 4 } });
  expect(rest).toEqual({
    observedGeneration: 3,
    className: 'standard',
    source: 'team-a',
    verifiedURLHash: resolution.urlHash,
    consecutiveFailures: 0,
    lastStatusCode: 204,
    lastSuccess: { time: '2026-01-01T00:00:00Z', eventID: 'e2', statusCode: 204, durationMilliseconds: 12 },
    pending: { retrying: 1, backlog: 2, deadLettered: 3, lost: 4 },
  });
  expect(conditions).toHaveLength(5);
});

test('The status of a webhook that was disabled', () => {
  const changes = { streak: 9, failingSince: start, lastFailure: failure, verdict, lastDisabled: verdict };
  const lane = laneView(resolution, { ...changes, handled: { annotation: '7', generation: 3 } });
  expect(project(lane)).toMatchObject({
    consecutiveFailures: 9,
    failingSince: '2026-01-01T00:00:00Z',
    lastStatusCode: 503,
    lastFailure: {
      time: '2026-01-01T00:00:00Z',
      eventID: 'e1',
      attempt: 2,
      statusCode: 503,
      reason: 'HTTPStatus',
      message: 'HTTP 503',
    },
    lastDisabled: {
      time: '2026-01-01T00:00:01Z',
      failingSince: '2026-01-01T00:00:00Z',
      reason: 'ReceiverGone',
      message: 'HTTP 410',
      eventID: 'e1',
    },
    lastHandledReactivation: '7',
  });
});

test('What there is nothing of is absent, not null', () => {
  const { state, ...view } = laneView(resolution);
  const { verification: _verification, ...fresh } = state;
  const status = project({ ...view, state: fresh }, undefined, {
    ...resolution,
    className: undefined,
    source: undefined,
  });
  expect(Object.keys(status).sort()).toEqual(['conditions', 'consecutiveFailures', 'observedGeneration', 'pending']);
});

test('A disable outside of a streak has no beginning', () => {
  const { failingSince: _failingSince, ...bare } = verdict;
  expect(project(laneView(resolution, { lastDisabled: bare })).lastDisabled).not.toHaveProperty('failingSince');
});

test('The last status code is that of the later attempt, to the millisecond', () => {
  const code = (changes: Partial<WebhookState>) => project(laneView(resolution, changes)).lastStatusCode;
  expect(code({ lastSuccess: success, lastFailure: failure })).toBe(204);
  expect(code({ lastSuccess: success, lastFailure: { ...failure, at: start + 501 } })).toBe(503);
  expect(code({})).toBeUndefined();
});

test('A webhook in other hands keeps what is said of it, but for class, source and generation', () => {
  const before = project(laneView(resolution, { streak: 2, failingSince: start, lastSuccess: success }));
  const other = { ...resolution, generation: 4, className: 'other' };
  expect(project(undefined, before, other)).toEqual({ ...before, observedGeneration: 4, className: 'other' });
  expect(project(undefined)).toEqual({
    observedGeneration: 3,
    className: 'standard',
    source: 'team-a',
    conditions: [],
  });
});

test('The same again is the same status', () => {
  const lane = laneView(resolution, { streak: 3, failingSince: start, lastFailure: failure });
  const before = project(lane);
  expect(project(lane, before, resolution, start + 99_999)).toEqual(before);
  expect(isTransition(before, before)).toBe(false);
});

test('A first status, another generation, and a condition that comes, goes or changes are transitions', () => {
  const healthy = project(laneView(resolution));
  expect(isTransition(undefined, healthy)).toBe(true);
  expect(isTransition({ observedGeneration: 3 }, healthy)).toBe(true);
  expect(isTransition(healthy, { ...healthy, observedGeneration: 4 })).toBe(true);
  const failing = project(laneView(resolution, { streak: 3, lastFailure: failure }), healthy);
  const disabled = project(laneView(resolution, { verdict }), healthy);
  const full = project({ ...laneView(resolution), backlogFull: true }, healthy);
  for (const other of [failing, disabled, full]) {
    expect(isTransition(healthy, other)).toBe(true);
    expect(isTransition(other, healthy)).toBe(true);
  }
});

test('Counts, messages and the reason of a failure that goes on may wait', () => {
  const before = project(laneView(resolution, { streak: 3, lastFailure: failure }));
  const timeout = { ...failure, reason: 'Timeout' } as const;
  const after = project(laneView(resolution, { streak: 4, lastFailure: timeout }), before);
  expect(after).not.toEqual(before);
  expect(isTransition(before, after)).toBe(false);
  const reordered = { ...before, conditions: before.conditions?.toReversed() };
  expect(isTransition(before, reordered)).toBe(false);
});

test('Whatever the state is, the API server takes the status, and kstatus is of one mind', async () => {
  const resolutions = await Promise.all([
    resolve(),
    resolve({ spec: spec({ suspend: true }) }),
    resolve({ spec: spec({ filter: 'data.' }) }),
    resolve({ status: { source: 'team-a' } }, { findClass: () => undefined }),
    resolve({}, { findClass: classes(webhookClass('standard', { admission: { exempt: true } })) }),
  ]);
  const time = fc.integer({ min: start, max: start + 10_000_000_000 });
  const text = fc.string({ maxLength: 50 });
  const verdicts = fc.record(
    {
      reason: fc.constantFrom('RetriesExhausted', 'ReceiverRequested'),
      message: text,
      at: time,
      failingSince: time,
      eventID: text,
    },
    { requiredKeys: ['reason', 'message', 'at'] },
  );
  const states = fc.record(
    {
      streak: fc.nat(),
      failingSince: time,
      verdict: verdicts,
      lastDisabled: verdicts,
      lastSuccess: fc.record({
        at: time,
        eventID: text,
        statusCode: fc.integer({ min: 200, max: 299 }),
        durationMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      }),
      lastFailure: fc.record({
        at: time,
        eventID: text,
        attempt: fc.integer({ min: 1, max: 5000 }),
        reason: fc.constantFrom(...failureReasons),
        message: text,
      }),
      reactivated: fc.record({ at: time, by: fc.constantFrom('Toggle', 'Annotation', 'URLChange') }),
      verification: fc.record({
        urlHash: fc.constantFrom(resolution.urlHash as string, 'sha256:x'),
        reason: fc.constant('NotRequired'),
        at: time,
      }),
      handled: fc.record({ annotation: fc.string({ maxLength: 5000, size: 'max' }), generation: fc.nat() }),
      lost: fc.nat(),
    },
    { requiredKeys: ['lost'] },
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...resolutions),
      states,
      fc.boolean(),
      fc.boolean(),
      (resolved, changes, backlogFull, exhausted) => {
        const lane = resolved.config && { ...laneView(resolved, changes), backlogFull };
        const verification = { tries: 3, exhausted, lastFailure: { reason: 'Timeout', message: 'no' } as const };
        const status = projectStatus({ previous: undefined, resolution: resolved, lane, verification, now: start });
        expect(webhookStatusSchema.safeParse(status).error).toBeUndefined();
        const of = (type: string) => status.conditions?.find((each) => each.type === type)?.status;
        expect(
          [of('Ready') === 'True', of('Reconciling') === 'True', of('Stalled') === 'True'].filter(Boolean),
        ).toHaveLength(1);
        if (of('Active') === 'True') expect(of('Ready')).toBe('True');
        if (of('Active') === 'True') expect([of('Verified'), of('Disabled')]).toEqual(['True', 'False']);
      },
    ),
  );
});
