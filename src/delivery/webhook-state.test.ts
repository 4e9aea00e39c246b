import { describe, expect, test } from 'vitest';

import { attemptContext, disabledState, failureRecord, successRecord, webhookState } from './webhook-state.fixture.ts';
import {
  attemptFailed,
  attemptSucceeded,
  eventExhausted,
  isFailing,
  isVerified,
  receiverDisabled,
  verified,
  type WebhookState,
} from './webhook-state.ts';
import { webhookConfig, webhookTarget } from './webhook.fixture.ts';

function failTimes(state: WebhookState, times: number, context = attemptContext()): WebhookState {
  let current = state;
  for (let index = 0; index < times; index += 1) {
    current = attemptFailed(current, context, failureRecord(context.now), true).state;
  }
  return current;
}
const gone = { reason: 'ReceiverGone', message: 'gone', eventID: 'evt-1' } as const;

describe('a verification', () => {
  const verification = { urlHash: 'sha256:first', reason: 'ChallengeAnswered', at: 5 } as const;

  test('makes events owed from the point noted', () => {
    const change = verified(webhookState(), verification, { stream: 's', sequence: 7 });
    expect(change.state).toMatchObject({ verification, owed: { stream: 's', sequence: 7 } });
    expect(change.transitions).toEqual([{ kind: 'Verified', reason: 'ChallengeAnswered' }]);
  });

  test('of a second URL leaves the point where it was: what came meanwhile was held', () => {
    const state = webhookState({ owed: { stream: 's', sequence: 7 } });
    expect(verified(state, verification, { stream: 's', sequence: 99 }).state.owed).toEqual({
      stream: 's',
      sequence: 7,
    });
  });

  test('holds for the URL that proved itself only', () => {
    const { state } = verified(webhookState(), verification, { stream: 's', sequence: 7 });
    expect(isVerified(state, webhookConfig())).toBe(true);
    expect(isVerified(state, webhookConfig({ target: webhookTarget({ urlHash: 'sha256:other' }) }))).toBe(false);
    const { target: _target, ...untargeted } = webhookConfig();
    expect(isVerified(state, untargeted)).toBe(false);
    const unasked = { ...state, verification: { ...verification, reason: 'NotRequired' as const } };
    expect(isVerified(unasked, webhookConfig({ verification: 'None' }))).toBe(true);
    expect(isVerified(unasked, webhookConfig({ verification: 'Challenge' }))).toBe(false);
    expect(isVerified(webhookState(), webhookConfig())).toBe(false);
    expect(isVerified(webhookState({ verification }), webhookConfig())).toBe(false);
    expect(isVerified(webhookState({ owed: { stream: 's', sequence: 1 } }), webhookConfig())).toBe(false);
  });
});

describe('a success', () => {
  test('of a healthy webhook only shows', () => {
    const change = attemptSucceeded(webhookState(), 1, successRecord(), 3);
    expect(change).toEqual({ state: webhookState({ lastSuccess: successRecord() }), transitions: [] });
  });

  test('ends a streak that was long enough to be called failing', () => {
    const change = attemptSucceeded(failTimes(webhookState(), 3), 1, successRecord(), 3);
    expect(change.state).toMatchObject({ streak: 0, exhausted: 0 });
    expect(change.state).not.toHaveProperty('failingSince');
    expect(change.transitions).toEqual([{ kind: 'Healthy' }]);
  });

  test('ends a shorter streak quietly', () => {
    const change = attemptSucceeded(failTimes(webhookState(), 2), 1, successRecord(), 3);
    expect(change.state.streak).toBe(0);
    expect(change.transitions).toEqual([]);
  });

  test('zeroes the count of exhausted events also without a streak', () => {
    expect(attemptSucceeded(webhookState({ exhausted: 2 }), 1, successRecord(), 3).state.exhausted).toBe(0);
  });

  test('of an older epoch changes nothing', () => {
    const state = failTimes(webhookState({ epoch: 2 }), 4, attemptContext({ epoch: 2 }));
    const change = attemptSucceeded(state, 1, successRecord(), 3);
    expect(change.state).toBe(state);
    expect(change.transitions).toEqual([]);
  });
});

describe('a failure', () => {
  test('begins a streak and notes since when', () => {
    const change = attemptFailed(webhookState(), attemptContext(), failureRecord(900), true);
    expect(change.state).toMatchObject({ streak: 1, failingSince: 900, lastFailure: failureRecord(900) });
    expect(change.transitions).toEqual([]);
  });

  test('goes on with the streak, whose beginning stays', () => {
    const state = webhookState({ streak: 1, failingSince: 10 });
    expect(attemptFailed(state, attemptContext(), failureRecord(900), true).state).toMatchObject({
      streak: 2,
      failingSince: 10,
    });
  });

  test('takes its own time as the beginning where none was kept', () => {
    const state = webhookState({ streak: 1 });
    expect(attemptFailed(state, attemptContext(), failureRecord(900), true).state.failingSince).toBe(900);
  });

  test('forgets the beginning of a streak that is over', () => {
    const state = webhookState({ failingSince: 10 });
    expect(attemptFailed(state, attemptContext(), failureRecord(900), true).state.failingSince).toBe(900);
  });

  test('announces Failing and the warning once each, at their number', () => {
    const context = attemptContext({}, { failingAfter: 2, warnAfter: 3 });
    let state = webhookState();
    const kinds: string[][] = [];
    for (let index = 0; index < 5; index += 1) {
      const change = attemptFailed(state, context, failureRecord(), true);
      kinds.push(change.transitions.map(({ kind }) => kind));
      state = change.state;
    }
    expect(kinds).toEqual([[], ['Failing'], ['Warned'], [], []]);
  });

  test('that is not the receiver’s fault shows and moves no counter', () => {
    const change = attemptFailed(webhookState({ streak: 2 }), attemptContext(), failureRecord(), false);
    expect(change.state).toEqual(webhookState({ streak: 2, lastFailure: failureRecord() }));
    expect(change.transitions).toEqual([]);
  });

  test('of an older epoch changes nothing', () => {
    const state = webhookState({ epoch: 2 });
    expect(attemptFailed(state, attemptContext({ epoch: 1 }), failureRecord(), true).state).toBe(state);
  });

  test('is Failing from failingAfter on, never when that is 0', () => {
    expect(isFailing(webhookState({ streak: 2 }), 3)).toBe(false);
    expect(isFailing(webhookState({ streak: 3 }), 3)).toBe(true);
    expect(isFailing(webhookState({ streak: 99 }), 0)).toBe(false);
  });
});

describe('the threshold', () => {
  const soon = { afterConsecutiveFailures: 3, minFailingDurationMs: 0, failingAfter: 0, warnAfter: 0 };

  test('disables with the last failure in the message, and raises the epoch', () => {
    const state = webhookState({ streak: 2, failingSince: 10 });
    const change = attemptFailed(state, attemptContext({}, soon), failureRecord(), true);
    const verdict = {
      reason: 'FailureThresholdReached',
      message: '3 attempts in a row failed; the last: no',
      eventID: 'evt-1',
      at: 1000,
      failingSince: 10,
    };
    expect(change.state).toMatchObject({ epoch: 2, streak: 3, verdict, lastDisabled: verdict });
    expect(change.transitions).toEqual([{ kind: 'Disabled', verdict }]);
  });

  test('announces what else the same failure means first', () => {
    const context = attemptContext({}, { ...soon, failingAfter: 3, warnAfter: 3 });
    const change = attemptFailed(webhookState({ streak: 2 }), context, failureRecord(), true);
    expect(change.transitions.map(({ kind }) => kind)).toEqual(['Failing', 'Warned', 'Disabled']);
  });

  test('waits until the streak has lasted long enough, then needs one more failure', () => {
    const disable = { ...soon, minFailingDurationMs: 500 };
    const early = attemptFailed(
      webhookState({ streak: 7, failingSince: 501 }),
      attemptContext({}, disable),
      failureRecord(),
      true,
    );
    expect(early.state.verdict).toBeUndefined();
    const due = attemptFailed(early.state, attemptContext({ now: 1001 }, disable), failureRecord(), true);
    expect(due.state.verdict?.reason).toBe('FailureThresholdReached');
  });

  test.each<[string, Parameters<typeof attemptContext>]>([
    ['the webhook is exempt', [{ exempt: true }, soon]],
    ['an outage of our own egress is suspected', [{ thresholdsPaused: true }, soon]],
    ['it is 0', [{}, { ...soon, afterConsecutiveFailures: 0 }]],
  ])('disables nothing while %s', (_what, context) => {
    const change = attemptFailed(webhookState({ streak: 99 }), attemptContext(...context), failureRecord(), true);
    expect(change.state).toMatchObject({ epoch: 1, streak: 100 });
    expect(change.state.verdict).toBeUndefined();
  });

  test('does not disable twice', () => {
    const state = disabledState();
    const change = attemptFailed(state, attemptContext({ epoch: 2 }, soon), failureRecord(), true);
    expect(change.state.verdict).toBe(state.verdict);
    expect(change.transitions).toEqual([]);
  });
});

describe('an event that ran out of attempts', () => {
  const afterTwo = { afterExhaustedEvents: 2 };

  test('disables at the number that the class names', () => {
    const first = eventExhausted(webhookState(), attemptContext({}, afterTwo), 'evt-1', 'no');
    expect(first).toEqual({ state: webhookState({ exhausted: 1 }), transitions: [] });
    const second = eventExhausted(first.state, attemptContext({}, afterTwo), 'evt-2', 'no');
    expect(second.state.verdict).toEqual({
      reason: 'RetriesExhausted',
      message: '2 events ran out of attempts; the last: no',
      eventID: 'evt-2',
      at: 1000,
    });
    expect(second.state.epoch).toBe(2);
  });

  test('is named in the singular when it is the only one', () => {
    const change = eventExhausted(webhookState(), attemptContext({}, { afterExhaustedEvents: 1 }), 'evt-1', 'no');
    expect(change.state.verdict?.message).toBe('An event ran out of attempts; the last: no');
  });

  test.each<[string, Parameters<typeof attemptContext>]>([
    ['the webhook is exempt', [{ exempt: true }, afterTwo]],
    ['an outage of our own egress is suspected', [{ thresholdsPaused: true }, afterTwo]],
    ['the class does not say so', [{}, { afterExhaustedEvents: 0 }]],
  ])('only counts while %s', (_what, context) => {
    const change = eventExhausted(webhookState({ exhausted: 5 }), attemptContext(...context), 'evt-1', 'no');
    expect(change).toEqual({ state: webhookState({ exhausted: 6 }), transitions: [] });
  });

  test('does not disable twice', () => {
    const state = disabledState();
    const change = eventExhausted(state, attemptContext({ epoch: 2 }, { afterExhaustedEvents: 1 }), 'evt-1', 'no');
    expect(change).toEqual({ state: { ...state, exhausted: 1 }, transitions: [] });
  });

  test('of an older epoch changes nothing', () => {
    const state = disabledState();
    expect(eventExhausted(state, attemptContext({}, afterTwo), 'evt-1', 'no').state).toBe(state);
  });
});

describe('a receiver that asks to be disabled', () => {
  test('is, at once', () => {
    const change = receiverDisabled(webhookState(), { epoch: 1, now: 70 }, gone);
    expect(change.state).toEqual(
      webhookState({ epoch: 2, verdict: { ...gone, at: 70 }, lastDisabled: { ...gone, at: 70 } }),
    );
    expect(change.transitions).toEqual([{ kind: 'Disabled', verdict: { ...gone, at: 70 } }]);
  });

  test('is not heard when it answered an attempt of an older epoch', () => {
    const state = webhookState({ epoch: 2 });
    expect(receiverDisabled(state, { epoch: 1, now: 70 }, gone)).toEqual({ state, transitions: [] });
  });

  test('is not disabled twice', () => {
    const state = disabledState();
    expect(receiverDisabled(state, { epoch: 2, now: 70 }, gone)).toEqual({ state, transitions: [] });
  });
});
