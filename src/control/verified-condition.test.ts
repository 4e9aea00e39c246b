import { expect, test } from 'vitest';
import type { Condition } from '../api/conditions.ts';
import type { Verification } from '../delivery/webhook-state.ts';
import type { LaneView, VerificationProgress } from './lane-view.ts';
import type { Resolution } from './resolution.ts';
import { isURLVerified, verifiedCondition } from './verified-condition.ts';
import { laneView, resolve, start } from './webhook.fixture.ts';

const resolution: Resolution = await resolve();
const proved = laneView(resolution);
const { verification: _verification, ...unprovedState } = proved.state;
const unproved = { ...proved, state: unprovedState };

function condition(
  lane: LaneView | undefined,
  verification?: VerificationProgress,
  before?: Partial<Condition>,
  isTrying = true,
) {
  const condition: Condition = {
    type: 'Verified',
    status: 'False',
    reason: 'Timeout',
    message: 'x',
    lastTransitionTime: '2026-01-01T00:00:00Z',
    ...before,
  };
  const previous = before && { conditions: [condition] };
  return verifiedCondition({ previous, resolution, lane, verification, now: start }, lane, isTrying);
}

test.each<[Verification['reason'], string]>([
  ['ChallengeAnswered', 'The receiver answered the challenge at 2026-01-01T00:00:00Z.'],
  ['HandshakeAnswered', 'The receiver answered the CloudEvents handshake at 2026-01-01T00:00:00Z.'],
])('%s is a proof', (reason, message) => {
  const verification = { urlHash: resolution.urlHash as string, reason, at: start };
  const lane = laneView(resolution, { verification });
  expect(condition(lane)).toEqual({ type: 'Verified', status: 'True', reason, message });
});

test('NotRequired is enough for a class that asks for nothing, and for no other', () => {
  const verification = { urlHash: resolution.urlHash as string, reason: 'NotRequired', at: start } as const;
  const { state } = laneView(resolution, { verification });
  const config = resolution.config && { ...resolution.config, verification: 'None' as const };
  const undemanding = { ...resolution, config };
  expect(isURLVerified(undemanding, state)).toBe(true);
  expect(isURLVerified({ ...resolution, config: undefined }, state)).toBe(true);
  expect(isURLVerified(resolution, state)).toBe(false);
  const input = {
    previous: undefined,
    resolution: undemanding,
    lane: laneView(resolution, { verification }),
    verification: undefined,
    now: start,
  };
  expect(verifiedCondition(input, input.lane, true)).toMatchObject({
    reason: 'NotRequired',
    message: 'The class asks for no verification; so since 2026-01-01T00:00:00Z.',
  });
});

test.each<[Partial<VerificationProgress>, string]>([
  [{ tries: 1, nextTryAt: start + 5000 }, 'no answer; tried once, again at 2026-01-01T00:00:05Z'],
  [{ tries: 2 }, 'no answer; tried 2 times'],
  [
    { tries: 30, exhausted: true },
    'no answer; the last of 30 tries: change the spec, or give the annotation webhook-operator.dev/reactivate a new value, to have it tried again',
  ],
])('A failed try says what comes next: %j', (changes, message) => {
  const progress = {
    tries: 1,
    exhausted: false,
    lastFailure: { reason: 'Timeout', message: 'no answer' } as const,
    ...changes,
  };
  expect(condition(unproved, progress)).toEqual({ type: 'Verified', status: 'False', reason: 'Timeout', message });
});

test('The failure in status stays after a restart, until the spec changes', () => {
  const unknown = { type: 'Verified', status: 'Unknown', reason: 'Verifying', message: 'The first try is under way.' };
  expect(condition(unproved, undefined, { observedGeneration: 3 })).toBe('Kept');
  expect(condition(unproved, { tries: 0, exhausted: false }, { observedGeneration: 3 })).toBe('Kept');
  expect(condition(unproved, undefined, { observedGeneration: 2 })).toEqual(unknown);
  expect(condition(unproved, undefined, { status: 'True', observedGeneration: 3 })).toEqual(unknown);
  expect(condition(unproved)).toEqual(unknown);
});

test('What another replica found stays', () => {
  expect(condition(undefined, undefined, { status: 'True' })).toBe('Kept');
});

test('While something else is wrong the URL is not tried', () => {
  expect(condition(unproved, undefined, undefined, false)).toMatchObject({
    status: 'Unknown',
    message: 'The URL has not proved itself yet; see Active.',
  });
});

test('A URL is verified by its hash, and only once it is known what it is owed', () => {
  const { state } = proved;
  expect(isURLVerified(resolution, state)).toBe(true);
  expect(isURLVerified({ ...resolution, urlHash: 'sha256:other' }, state)).toBe(false);
  expect(isURLVerified({ ...resolution, urlHash: undefined }, state)).toBe(false);
  expect(isURLVerified(resolution, unprovedState)).toBe(false);
  const { owed: _owed, ...withoutOwed } = state;
  expect(isURLVerified(resolution, withoutOwed)).toBe(false);
});
