import { expect, test } from 'vitest';
import { conditionReasons, type Condition } from '../api/conditions.ts';
import type { DisableVerdict, WebhookState } from '../delivery/webhook-state.ts';
import type { LaneView, VerificationProgress } from './lane-view.ts';
import type { Resolution } from './resolution.ts';
import { projectConditions } from './webhook-conditions.ts';
import { laneView, resolve, secretStore, spec, start, webhookClass, classes } from './webhook.fixture.ts';

const failure = {
  at: start,
  eventID: 'e1',
  attempt: 2,
  statusCode: 500,
  reason: 'HTTPStatus',
  message: 'HTTP 500: no',
} as const;
const verdict: DisableVerdict = {
  reason: 'FailureThresholdReached',
  message: '500 attempts in a row failed',
  at: start + 90_000_000,
  failingSince: start,
};
const unproven: Partial<WebhookState> = {
  verification: { urlHash: 'sha256:other', reason: 'ChallengeAnswered', at: start },
};
const fresh = (view: LaneView): LaneView => {
  const { verification: _verification, owed: _owed, ...state } = view.state;
  return { ...view, state };
};

/** `Type=Status/Reason` of each condition, in order. */
const summary = (conditions: readonly Condition[]): string =>
  conditions.map(({ type, status, reason }) => `${type}=${status}/${reason}`).join(' ');

interface Situation {
  readonly spec?: object;
  readonly classSpec?: object;
  readonly state?: Partial<WebhookState>;
  readonly view?: (view: LaneView) => LaneView | undefined;
  readonly verification?: VerificationProgress;
  readonly previous?: readonly Condition[];
  readonly generation?: number;
  readonly now?: number;
  readonly resolution?: (resolution: Resolution) => Resolution;
}

async function conditionsOf(situation: Situation): Promise<readonly Condition[]> {
  const { view = (same) => same, resolution: change = (same) => same } = situation;
  const status = { className: 'standard', source: 'team-a' };
  const resolution = await resolve(
    { spec: spec(situation.spec), status, metadata: { generation: situation.generation ?? 3 } },
    { findClass: classes(webhookClass('standard', situation.classSpec)), secrets: secretStore() },
  );
  return projectConditions({
    previous: situation.previous === undefined ? undefined : { conditions: [...situation.previous] },
    resolution: change(resolution),
    lane: view(laneView(resolution, situation.state)),
    verification: situation.verification,
    now: situation.now ?? start,
  });
}

const token = { valueFrom: { secretKeyRef: { name: 's', key: 'k' } }, name: 'X' };
const failed = (changes: Partial<VerificationProgress> = {}): VerificationProgress => ({
  tries: 1,
  lastFailure: { reason: 'Timeout', message: 'no answer' },
  exhausted: false,
  ...changes,
});

test.each<[string, Situation, string]>([
  [
    'delivers',
    {},
    'Verified=True/ChallengeAnswered Active=True/Delivering Disabled=False/NotDisabled Failing=False/Healthy Ready=True/Delivering',
  ],
  [
    'is new',
    { view: fresh },
    'Verified=Unknown/Verifying Active=False/NotVerified Disabled=False/NotDisabled Failing=False/Healthy Ready=Unknown/Verifying Reconciling=True/Verifying',
  ],
  [
    'is being tried, with progress but no result',
    { view: fresh, verification: { tries: 0, exhausted: false } },
    'Verified=Unknown/Verifying Active=False/NotVerified Disabled=False/NotDisabled Failing=False/Healthy Ready=Unknown/Verifying Reconciling=True/Verifying',
  ],
  [
    'failed its first try',
    { view: fresh, verification: failed() },
    'Verified=False/Timeout Active=False/NotVerified Disabled=False/NotDisabled Failing=False/Healthy Ready=False/NotVerified Reconciling=True/Verifying',
  ],
  [
    'failed its last try',
    { view: fresh, verification: failed({ exhausted: true }) },
    'Verified=False/Timeout Active=False/NotVerified Disabled=False/NotDisabled Failing=False/Healthy Ready=False/NotVerified Stalled=True/NotVerified',
  ],
  [
    'has another URL than the proved one',
    { state: unproven },
    'Verified=Unknown/Verifying Active=False/NotVerified Disabled=False/NotDisabled Failing=False/Healthy Ready=Unknown/Verifying Reconciling=True/Verifying',
  ],
  [
    'is suspended',
    { spec: { suspend: true } },
    'Verified=True/ChallengeAnswered Active=False/Suspended Disabled=False/NotDisabled Failing=False/Healthy Ready=True/Suspended',
  ],
  [
    'is suspended and unproved',
    { spec: { suspend: true }, view: fresh },
    'Verified=Unknown/Verifying Active=False/Suspended Disabled=False/NotDisabled Failing=False/Healthy Ready=True/Suspended',
  ],
  [
    'is failing',
    { state: { streak: 3, failingSince: start, lastFailure: failure } },
    'Verified=True/ChallengeAnswered Active=True/Delivering Disabled=False/NotDisabled Failing=True/HTTPStatus Ready=True/Delivering',
  ],
  [
    'fails less than failingAfter',
    { state: { streak: 2, failingSince: start, lastFailure: failure } },
    'Verified=True/ChallengeAnswered Active=True/Delivering Disabled=False/NotDisabled Failing=False/Healthy Ready=True/Delivering',
  ],
  [
    'has a streak without a record of its last failure',
    { state: { streak: 9 } },
    'Verified=True/ChallengeAnswered Active=True/Delivering Disabled=False/NotDisabled Failing=False/Healthy Ready=True/Delivering',
  ],
  [
    'is disabled',
    { state: { streak: 500, failingSince: start, lastFailure: failure, verdict } },
    'Verified=True/ChallengeAnswered Active=False/Disabled Disabled=True/FailureThresholdReached Failing=True/HTTPStatus Ready=False/Disabled Stalled=True/Disabled',
  ],
  [
    'is disabled and suspended by a switch that clears nothing',
    { spec: { suspend: true }, state: { verdict } },
    'Verified=True/ChallengeAnswered Active=False/Disabled Disabled=True/FailureThresholdReached Failing=False/Healthy Ready=False/Disabled Stalled=True/Disabled',
  ],
  [
    'is disabled and has an invalid spec',
    { spec: { filter: 'data.' }, state: { verdict } },
    'Verified=True/ChallengeAnswered Active=False/InvalidSpec Disabled=True/FailureThresholdReached Failing=False/Healthy Ready=False/InvalidSpec Stalled=True/InvalidSpec',
  ],
  [
    'was re-enabled',
    { state: { reactivated: { at: start, by: 'Toggle' } } },
    'Verified=True/ChallengeAnswered Active=True/Delivering Disabled=False/Reactivated Failing=False/Healthy Ready=True/Delivering',
  ],
  [
    'has a full backlog',
    { view: (view) => ({ ...view, backlogFull: true }) },
    'Verified=True/ChallengeAnswered Active=True/Delivering Disabled=False/NotDisabled Failing=False/Healthy BacklogFull=True/LimitReached Ready=True/Delivering',
  ],
  [
    'has an invalid spec',
    { spec: { filter: 'data.' }, view: fresh },
    'Verified=Unknown/Verifying Active=False/InvalidSpec Disabled=False/NotDisabled Failing=False/Healthy Ready=False/InvalidSpec Stalled=True/InvalidSpec',
  ],
  [
    'has another source',
    { classSpec: { source: { name: 'public' } } },
    'Verified=True/ChallengeAnswered Active=False/SourceConflict Disabled=False/NotDisabled Failing=False/Healthy Ready=False/SourceConflict Stalled=True/SourceConflict',
  ],
  [
    'has no class',
    { spec: { className: 'none' } },
    'Verified=True/ChallengeAnswered Active=False/ClassNotFound Disabled=False/NotDisabled Failing=False/Healthy Ready=False/ClassNotFound Reconciling=True/ClassNotFound',
  ],
  [
    'misses a Secret',
    { spec: { headers: [token] } },
    'Verified=True/ChallengeAnswered Active=False/SecretNotFound Disabled=False/NotDisabled Failing=False/Healthy Ready=False/SecretNotFound Reconciling=True/SecretNotFound',
  ],
  [
    'misses the Secret with its URL',
    { spec: { url: undefined, urlFrom: token.valueFrom } },
    'Verified=Unknown/Verifying Active=False/SecretNotFound Disabled=False/NotDisabled Failing=False/Healthy Ready=False/SecretNotFound Reconciling=True/SecretNotFound',
  ],
  [
    'is held and in nobody’s hands',
    { spec: { className: 'none' }, view: () => undefined },
    'Verified=Unknown/Verifying Active=False/ClassNotFound Disabled=False/NotDisabled Failing=False/Healthy Ready=False/ClassNotFound Reconciling=True/ClassNotFound',
  ],
  ['is in other hands', { view: () => undefined }, ''],
])('The conditions of a webhook that %s', async (_name, situation, expected) => {
  const conditions = await conditionsOf(situation);
  expect(summary(conditions)).toBe(expected);
  for (const { observedGeneration, lastTransitionTime, message } of conditions) {
    expect(observedGeneration).toBe(3);
    expect(lastTransitionTime).toBe('2026-01-01T00:00:00Z');
    expect(message).not.toBe('');
  }
});

test.each(['SecretNotAllowed', 'SecretInvalid', 'SecretNotFound', 'ClassNotFound'] as const)(
  '%s is Reconciling, for it may come right without a change of the Webhook',
  async (reason) => {
    const conditions = await conditionsOf({ resolution: (made) => ({ ...made, hold: { reason, message: 'why' } }) });
    expect(summary(conditions)).toContain(`Ready=False/${reason} Reconciling=True/${reason}`);
  },
);

const messageOf = async (type: string, situation: Situation): Promise<string | undefined> =>
  (await conditionsOf(situation)).find((each) => each.type === type)?.message;

test('Active says what happens to events', async () => {
  expect(await messageOf('Active', {})).toBe('Events of the source team-a are delivered.');
  expect(await messageOf('Active', { view: fresh })).toBe(
    'Events are delivered from the moment on when the URL has proved itself; see Verified.',
  );
  expect(await messageOf('Active', { state: unproven })).toBe(
    'Events are held until the URL has proved itself; see Verified.',
  );
});

test('Disabled says since when, why, and how to re-enable it', async () => {
  expect(await messageOf('Disabled', { state: { verdict } })).toBe(
    'Disabled at 2026-01-02T01:00:00Z: 500 attempts in a row failed; failing since 2026-01-01T00:00:00Z; to re-enable it, set spec.suspend to true, then to false, or give the annotation webhook-operator.dev/reactivate a new value, or change the URL',
  );
  const { failingSince: _failingSince, ...gone } = verdict;
  const only = { delivery: { disable: { reactivateBy: ['Toggle'] } } };
  expect(await messageOf('Disabled', { classSpec: only, state: { verdict: gone } })).toBe(
    'Disabled at 2026-01-02T01:00:00Z: 500 attempts in a row failed; to re-enable it, set spec.suspend to true, then to false',
  );
  expect(await messageOf('Disabled', { spec: { className: 'none' }, state: { verdict: gone } })).toBe(
    'Disabled at 2026-01-02T01:00:00Z: 500 attempts in a row failed',
  );
});

test.each([
  ['Toggle', 'spec.suspend'],
  ['Annotation', 'the annotation webhook-operator.dev/reactivate'],
  ['URLChange', 'another URL'],
] as const)('Disabled says that %s re-enabled it', async (by, words) => {
  const message = await messageOf('Disabled', { state: { reactivated: { at: start, by } } });
  expect(message).toBe(`Re-enabled at 2026-01-01T00:00:00Z by ${words}.`);
});

test('BacklogFull counts what is held and what was lost', async () => {
  const view = (made: LaneView) => ({
    ...made,
    backlogFull: true,
    pending: { ...made.pending, backlog: 100_000, lost: 7 },
  });
  expect(await messageOf('BacklogFull', { view })).toBe(
    '100000 deliveries are held, no more are taken: further ones are lost (7 so far) until the receiver takes some of them',
  );
});

test('What is over is gone, and what is not ours is not repeated', async () => {
  const before = await conditionsOf({
    state: { verdict },
    view: (view) => ({ ...view, backlogFull: true }),
  });
  const foreign: Condition = {
    type: 'Audited',
    status: 'True',
    reason: 'Yes',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const after = await conditionsOf({ previous: [foreign, ...before], now: start + 1000 });
  expect(summary(after)).toBe(
    'Verified=True/ChallengeAnswered Active=True/Delivering Disabled=False/NotDisabled Failing=False/Healthy Ready=True/Delivering',
  );
  expect(
    after.filter(({ lastTransitionTime }) => lastTransitionTime === '2026-01-01T00:00:01Z').map(({ type }) => type),
  ).toEqual(['Active', 'Disabled', 'Ready']);
});

test('The order in which they stand is kept', async () => {
  const before = await conditionsOf({});
  expect(await conditionsOf({ previous: before.toReversed() })).toEqual(before.toReversed());
});

test('In other hands nothing changes, but for the reason of a hold', async () => {
  const nobody = () => undefined;
  const before = await conditionsOf({
    state: { streak: 3, lastFailure: failure, verdict },
    view: (view) => ({ ...view, backlogFull: true }),
  });
  expect(await conditionsOf({ previous: before, view: nobody, generation: 4 })).toEqual(before);
  const held = await conditionsOf({ previous: before, view: nobody, spec: { className: 'none' } });
  expect(summary(held)).toBe(
    'Verified=True/ChallengeAnswered Active=False/ClassNotFound Disabled=True/FailureThresholdReached Failing=True/HTTPStatus BacklogFull=True/LimitReached Ready=False/ClassNotFound Reconciling=True/ClassNotFound',
  );
});

test('A lane without a configuration says nothing yet', async () => {
  expect(await conditionsOf({ resolution: (made) => ({ ...made, config: undefined }) })).toEqual([]);
});

test('Every reason that is said is a declared one', async () => {
  const conditions = await conditionsOf({ state: { streak: 3, lastFailure: failure, verdict } });
  for (const { type, status, reason } of conditions) {
    const declared: Readonly<Record<string, Readonly<Record<string, object>>>> = conditionReasons;
    expect(declared[type]?.[status]).toHaveProperty(reason);
  }
});

test.each([
  [1, 'spec.filter failed for 1 event, which counts as no match; the last time: no such key: columnId'],
  [2, 'spec.filter failed for 2 events, which counts as no match; the last time: no such key: columnId'],
])('A filter that fails is shown where a user looks: %i', async (count, message) => {
  const view = (lane: LaneView) => ({ ...lane, filterFaults: { count, last: 'no such key: columnId' } });
  const active = (await conditionsOf({ view })).find(({ type }) => type === 'Active');
  expect(active).toMatchObject({ status: 'True', message: `Events of the source team-a are delivered. ${message}` });
});
