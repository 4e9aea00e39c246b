import { describe, expect, test } from 'vitest';

import { deliverySettings } from './settings.fixture.ts';
import type { ReactivateBy } from './webhook-config.ts';
import { disabledState, webhookState } from './webhook-state.fixture.ts';
import { configApplied, initialState, isOrdered } from './webhook-state.ts';
import { webhookConfig, webhookTarget } from './webhook.fixture.ts';

const otherTarget = webhookTarget({ urlHash: 'sha256:other' });
const { target: _target, ...untargeted } = webhookConfig();

function ways(...reactivateBy: ReactivateBy[]) {
  return { disable: { ...deliverySettings().disable, reactivateBy } };
}

describe('a webhook seen for the first time', () => {
  test('has counters at zero and everything it shows handled', () => {
    expect(initialState(webhookConfig({ generation: 4, reactivateAnnotation: 'a' }))).toEqual({
      namespace: 'team-a',
      name: 'crm-sync',
      epoch: 1,
      streak: 0,
      exhausted: 0,
      lost: 0,
      mode: 'Parallel',
      handled: { generation: 4, annotation: 'a', urlHash: 'sha256:first' },
    });
  });

  test('is bound to its order', () => {
    const config = webhookConfig();
    const ordered = { ...config, delivery: { ...config.delivery, ordered: true } };
    expect(initialState(ordered).mode).toBe('Ordered');
    expect(isOrdered(initialState(ordered), config)).toBe(true);
    expect(isOrdered(initialState(config), ordered)).toBe(false);
    expect(isOrdered(webhookState(), ordered)).toBe(true);
    expect(isOrdered(undefined, ordered)).toBe(true);
  });

  test('may have no URL yet', () => {
    expect(initialState(untargeted).handled).toEqual({ generation: 1 });
  });
});

describe('a configuration of a webhook that is not disabled', () => {
  test('leaves the very same state when nothing is new', () => {
    const state = webhookState();
    expect(configApplied(state, webhookConfig(), 100)).toEqual({ state, transitions: [] });
    expect(configApplied(state, webhookConfig(), 100).state).toBe(state);
  });

  test.each([
    ['generation', webhookConfig({ generation: 2 }), { generation: 2, urlHash: 'sha256:first' }],
    [
      'annotation',
      webhookConfig({ reactivateAnnotation: 'a' }),
      { generation: 1, annotation: 'a', urlHash: 'sha256:first' },
    ],
  ])('notes a new %s as handled and keeps the epoch', (_what, config, handled) => {
    const state = webhookState({ streak: 2 });
    expect(configApplied(state, config, 100)).toEqual({ state: { ...state, handled }, transitions: [] });
  });

  test('with another URL raises the epoch', () => {
    const state = webhookState({ streak: 2 });
    expect(configApplied(state, webhookConfig({ target: otherTarget }), 100)).toEqual({
      state: { ...state, epoch: 2, handled: { generation: 1, urlHash: 'sha256:other' } },
      transitions: [],
    });
  });

  test('with another URL forgets that the old one proved itself, also for when it comes back', () => {
    const verification = { urlHash: 'sha256:first', reason: 'ChallengeAnswered', at: 1 } as const;
    const moved = configApplied(webhookState({ verification }), webhookConfig({ target: otherTarget }), 100).state;
    expect(moved.verification).toBeUndefined();
    expect(configApplied(moved, webhookConfig(), 200).state.verification).toBeUndefined();
  });

  test('with its first URL keeps the epoch: no attempt can have been under way', () => {
    const state = webhookState({ handled: { generation: 1 } });
    expect(configApplied(state, webhookConfig(), 100).state).toEqual(webhookState());
  });

  test('whose URL can’t be built for now keeps the one that was handled', () => {
    const state = webhookState();
    expect(configApplied(state, untargeted, 100).state).toBe(state);
  });
});

describe('a disabled webhook', () => {
  test.each<[ReactivateBy, ReturnType<typeof webhookConfig>]>([
    ['Toggle', webhookConfig({ suspend: true, generation: 2 })],
    ['Annotation', webhookConfig({ reactivateAnnotation: 'now' })],
    ['URLChange', webhookConfig({ target: otherTarget })],
  ])('comes back by %s, with counters at zero and its verdict kept as the last one', (by, config) => {
    const state = disabledState({ exhausted: 2 });
    const change = configApplied(state, config, 100);
    expect(change.transitions).toEqual([{ kind: 'Reactivated', by }]);
    expect(change.state).toMatchObject({
      epoch: 3,
      streak: 0,
      exhausted: 0,
      lastDisabled: state.verdict,
      reactivated: { at: 100, by },
    });
    expect(change.state).not.toHaveProperty('verdict');
    expect(change.state).not.toHaveProperty('failingSince');
    // What did it is handled: the same again does nothing.
    expect(configApplied(change.state, config, 101).state).toBe(change.state);
  });

  test.each<[ReactivateBy, ReturnType<typeof webhookConfig>]>([
    ['Toggle', webhookConfig({ suspend: true, generation: 2 }, ways('Annotation', 'URLChange'))],
    ['Annotation', webhookConfig({ reactivateAnnotation: 'now' }, ways('Toggle', 'URLChange'))],
    ['URLChange', webhookConfig({ target: otherTarget }, ways('Toggle', 'Annotation'))],
  ])('does not come back by %s where the class does not list it, also not later', (_by, config) => {
    const change = configApplied(disabledState(), config, 100);
    expect(change.state.verdict).toBeDefined();
    expect(change.transitions).toEqual([]);
    const all = { ...config, delivery: webhookConfig().delivery };
    expect(configApplied(change.state, all, 101).state.verdict).toBeDefined();
  });

  test.each([
    ['suspended, but was at this generation already', webhookConfig({ suspend: true })],
    ['edited without a switch', webhookConfig({ generation: 2 })],
    ['as it was', webhookConfig()],
    ['without a URL for now', { ...untargeted, generation: 2 }],
  ])('stays disabled when its spec is %s', (_what, config) => {
    const state = disabledState();
    const change = configApplied(state, config, 100);
    expect(change.state.verdict).toBe(state.verdict);
    expect(change.transitions).toEqual([]);
  });

  test('stays disabled when an annotation that was handled is there, or goes', () => {
    const state = disabledState({ handled: { generation: 1, urlHash: 'sha256:first', annotation: 'a' } });
    expect(configApplied(state, webhookConfig({ reactivateAnnotation: 'a' }), 100).state).toBe(state);
    expect(configApplied(state, webhookConfig(), 100).state.verdict).toBe(state.verdict);
  });

  test('that is ordered starts its head again at the first attempt, in the same place', () => {
    const state = disabledState({
      ordered: { stream: 's', settledThrough: 7, attempt: 4, firstAttemptAt: 20, dueAt: 900 },
    });
    const change = configApplied(state, webhookConfig({ reactivateAnnotation: 'now' }), 100);
    expect(change.state.ordered).toEqual({ stream: 's', settledThrough: 7, attempt: 1 });
  });
});
