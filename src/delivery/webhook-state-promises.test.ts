import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import type { DeliverySettings, WebhookConfig } from './webhook-config.ts';
import { attemptContext, failureRecord, successRecord } from './webhook-state.fixture.ts';
import {
  attemptFailed,
  attemptSucceeded,
  configApplied,
  eventExhausted,
  initialState,
  receiverDisabled,
  verified,
  type Change,
  type WebhookState,
} from './webhook-state.ts';
import { webhookConfig, webhookTarget } from './webhook.fixture.ts';

// What section 5 promises of the record, over any order of results and edits.

type Step =
  | { readonly kind: 'Failure' | 'Success' | 'Exhausted' | 'Gone'; readonly epoch: number; readonly pass: number }
  | { readonly kind: 'OwnFault'; readonly epoch: number; readonly pass: number }
  | { readonly kind: 'Verified'; readonly pass: number }
  | { readonly kind: 'Edit'; readonly pass: number; readonly change: Edit };
type Edit = 'Suspend' | 'Resume' | 'Annotate' | 'URL' | 'Nothing';

const pass = fc.integer({ min: 0, max: 40 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      // How far behind the current epoch the attempt began.
      kind: fc.constantFrom('Failure', 'Failure', 'Failure', 'Success', 'Exhausted', 'Gone', 'OwnFault'),
      epoch: fc.constantFrom(0, 0, 0, 1, 2),
      pass,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('Verified'), pass }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('Edit'),
      pass,
      change: fc.constantFrom<Edit>('Suspend', 'Resume', 'Annotate', 'URL', 'Nothing'),
    }),
  },
);
const disable = fc.record({
  failingAfter: fc.integer({ min: 0, max: 4 }),
  warnAfter: fc.integer({ min: 0, max: 4 }),
  afterConsecutiveFailures: fc.integer({ min: 0, max: 5 }),
  minFailingDurationMs: fc.integer({ min: 0, max: 100 }),
  afterExhaustedEvents: fc.integer({ min: 0, max: 3 }),
  reactivateBy: fc.subarray(['Toggle', 'Annotation', 'URLChange'] as const),
});
type Disable = DeliverySettings['disable'];

interface Taken {
  readonly step: Step;
  readonly before: WebhookState;
  readonly config: WebhookConfig;
  readonly now: number;
  readonly change: Change;
}

/** Takes the steps and shows each to `look`. */
function walk(steps: readonly Step[], settings: Disable, exempt: boolean, look: (taken: Taken) => void): void {
  let config = webhookConfig({ exempt }, { disable: settings });
  let state = initialState(config);
  let now = 1000;
  for (const next of steps) {
    now += next.pass;
    if (next.kind === 'Edit') config = edited(config, next.change);
    const change = applied(state, config, next, now);
    look({ step: next, before: state, config, now, change });
    state = change.state;
  }
}

function edited(config: WebhookConfig, edit: Edit): WebhookConfig {
  const generation = config.generation + 1;
  switch (edit) {
    case 'Suspend':
      return config.suspend ? config : { ...config, suspend: true, generation };
    case 'Resume':
      return config.suspend ? { ...config, suspend: false, generation } : config;
    case 'Annotate':
      return { ...config, reactivateAnnotation: `${config.reactivateAnnotation ?? ''}x` };
    case 'URL':
      return { ...config, generation, target: webhookTarget({ urlHash: `sha256:${generation}` }) };
    default:
      return config;
  }
}

function applied(state: WebhookState, config: WebhookConfig, next: Step, now: number): Change {
  if (next.kind === 'Edit') return configApplied(state, config, now);
  if (next.kind === 'Verified') {
    const verification = { urlHash: config.target?.urlHash ?? '', reason: 'ChallengeAnswered', at: now } as const;
    return verified(state, verification, { stream: 's', sequence: now });
  }
  const epoch = state.epoch - next.epoch;
  const context = attemptContext({ epoch, now, exempt: config.exempt }, config.delivery.disable);
  switch (next.kind) {
    case 'Failure':
      return attemptFailed(state, context, failureRecord(now), true);
    case 'OwnFault':
      return attemptFailed(state, context, failureRecord(now, { reason: 'AddressBlocked' }), false);
    case 'Success':
      return attemptSucceeded(state, epoch, successRecord(now), config.delivery.disable.failingAfter);
    case 'Exhausted':
      return eventExhausted(state, context, 'evt-1', 'no');
    default:
      return receiverDisabled(state, context, { reason: 'ReceiverGone', message: 'gone', eventID: 'evt-1' });
  }
}

function promise(look: (taken: Taken, memory: { failures: number; exhausted: number; since: number }) => void): void {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), disable, fc.boolean(), (steps, settings, exempt) => {
      // Counted apart from the state: failures of the current epoch since the last success or reactivation.
      const memory = { failures: 0, exhausted: 0, since: 0 };
      walk(steps, settings, exempt, (taken) => {
        count(memory, taken);
        look(taken, memory);
      });
    }),
    { numRuns: 400 },
  );
}

function count(memory: { failures: number; exhausted: number; since: number }, { step: next, change, now }: Taken) {
  const current = 'epoch' in next && next.epoch === 0;
  if (current && next.kind === 'Failure') {
    if (memory.failures === 0) memory.since = now;
    memory.failures += 1;
  }
  if (current && next.kind === 'Exhausted') memory.exhausted += 1;
  const reactivated = change.transitions.some(({ kind }) => kind === 'Reactivated');
  if ((current && next.kind === 'Success') || reactivated) Object.assign(memory, { failures: 0, exhausted: 0 });
}

test('none is disabled with fewer failures, a shorter streak or fewer exhausted events than its thresholds', () => {
  promise(({ change, config, now, step: { kind } }, memory) => {
    const verdict = change.transitions.find((transition) => transition.kind === 'Disabled')?.verdict;
    if (verdict === undefined) return;
    const limits = config.delivery.disable;
    if (verdict.reason === 'ReceiverGone') {
      expect(kind).toBe('Gone');
      return;
    }
    expect(config.exempt).toBe(false);
    if (verdict.reason === 'RetriesExhausted') {
      expect(limits.afterExhaustedEvents).toBeGreaterThan(0);
      expect(memory.exhausted).toBeGreaterThanOrEqual(limits.afterExhaustedEvents);
    } else {
      expect(limits.afterConsecutiveFailures).toBeGreaterThan(0);
      expect(memory.failures).toBeGreaterThanOrEqual(limits.afterConsecutiveFailures);
      expect(now - memory.since).toBeGreaterThanOrEqual(limits.minFailingDurationMs);
    }
  });
});

test('the streak is the number of failures in a row, and failingSince the first of them', () => {
  promise(({ change }, memory) => {
    expect(change.state.streak).toBe(memory.failures);
    expect(change.state.exhausted).toBe(memory.exhausted);
    if (memory.failures > 0) expect(change.state.failingSince).toBe(memory.since);
    else expect(change.state).not.toHaveProperty('failingSince');
  });
});

test('a failure that reaches the threshold of a webhook that is not exempt disables it', () => {
  promise(({ before, change, config, now, step: next }, memory) => {
    const limits = config.delivery.disable;
    if (next.kind !== 'Failure' || next.epoch !== 0 || config.exempt || limits.afterConsecutiveFailures === 0) return;
    if (memory.failures < limits.afterConsecutiveFailures || now - memory.since < limits.minFailingDurationMs) return;
    expect(change.state.verdict).toBeDefined();
    if (before.verdict === undefined) expect(change.state.verdict?.reason).toBe('FailureThresholdReached');
  });
});

test('results of an older epoch change nothing at all', () => {
  promise(({ step: next, before, change }) => {
    if (!('epoch' in next) || next.epoch === 0) return;
    expect(change.state).toBe(before);
    expect(change.transitions).toEqual([]);
  });
});

test('only an edit that is newer than what was handled clears a verdict, by a way that the class lists', () => {
  promise(({ step: next, before, config, change }) => {
    if (before.verdict === undefined || change.state.verdict !== undefined) return;
    expect(next.kind).toBe('Edit');
    const by = change.state.reactivated?.by;
    expect(config.delivery.disable.reactivateBy).toContain(by);
    if (by === 'Toggle') {
      expect(config.suspend).toBe(true);
      expect(config.generation).toBeGreaterThan(before.handled.generation);
    }
    if (by === 'Annotation') expect(config.reactivateAnnotation).not.toBe(before.handled.annotation);
    if (by === 'URLChange') expect(config.target?.urlHash).not.toBe(before.handled.urlHash);
    expect(change.state.lastDisabled).toEqual(before.verdict);
  });
});

test('a configuration that was applied clears nothing when it is applied again, also after a later verdict', () => {
  promise(({ step: next, config, change, now }) => {
    if (next.kind !== 'Edit') return;
    const again = configApplied(change.state, config, now);
    expect(again.state).toBe(change.state);
    const stopped = receiverDisabled(
      change.state,
      { epoch: change.state.epoch, now },
      { reason: 'ReceiverGone', message: 'gone', eventID: 'evt-1' },
    );
    expect(configApplied(stopped.state, config, now).state).toBe(stopped.state);
  });
});

test('the epoch never falls, and rises by one with each verdict, reactivation and change of URL', () => {
  promise(({ before, change, step: next }) => {
    const turned = change.transitions.some(({ kind }) => kind === 'Disabled' || kind === 'Reactivated');
    const moved = next.kind === 'Edit' && before.handled.urlHash !== change.state.handled.urlHash;
    expect(change.state.epoch).toBe(before.epoch + (turned || moved ? 1 : 0));
  });
});

test('the point from which events are owed never moves once it is set', () => {
  promise(({ before, change }) => {
    if (before.owed !== undefined) expect(change.state.owed).toEqual(before.owed);
  });
});
