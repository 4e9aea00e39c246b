import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failureReasons } from '../delivery/attempt.ts';
import type { Condition, NewCondition } from './conditions.ts';
import {
  classConditionReasons,
  conditionReasons,
  conditionSchema,
  conditionsSchema,
  findCondition,
  removeCondition,
  setCondition,
} from './conditions.ts';

const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const delivering: NewCondition = {
  type: 'Active',
  status: 'True',
  reason: 'Delivering',
  message: 'events are being delivered',
  observedGeneration: 1,
};
const suspended: NewCondition = {
  type: 'Active',
  status: 'False',
  reason: 'Suspended',
  message: 'spec.suspend is true',
  observedGeneration: 2,
};

describe('setCondition', () => {
  it('adds a condition with the time in whole seconds', () => {
    expect(setCondition([], delivering, at)).toEqual([{ ...delivering, lastTransitionTime: '2026-01-02T03:04:05Z' }]);
  });

  it('keeps lastTransitionTime while the status stays', () => {
    const list = setCondition([], suspended, at);
    const next = setCondition(
      list,
      { ...suspended, reason: 'NotVerified', message: 'x', observedGeneration: 3 },
      at + 60_000,
    );
    expect(next).toEqual([
      {
        ...suspended,
        reason: 'NotVerified',
        message: 'x',
        observedGeneration: 3,
        lastTransitionTime: '2026-01-02T03:04:05Z',
      },
    ]);
  });

  it('moves lastTransitionTime when the status changes', () => {
    const list = setCondition(setCondition([], delivering, at), suspended, at + 60_000);
    expect(list).toEqual([{ ...suspended, lastTransitionTime: '2026-01-02T03:05:05Z' }]);
  });

  it('returns the same list when nothing is new, so that nobody writes', () => {
    const list = setCondition([], delivering, at);
    expect(setCondition(list, { ...delivering }, at + 60_000)).toBe(list);
  });

  it.each([
    ['reason', { ...suspended, reason: 'NotVerified' }],
    ['message', { ...suspended, message: 'other' }],
    ['observedGeneration', { ...suspended, observedGeneration: 9 }],
  ] as const)('sees a change of %s alone', (_, next) => {
    const list = setCondition([], suspended, at);
    expect(setCondition(list, next, at)).not.toBe(list);
  });

  it('never changes the list that it was given', () => {
    const list = Object.freeze(setCondition([], delivering, at).map((condition) => Object.freeze(condition)));
    setCondition(list, suspended, at);
    removeCondition(list, 'Active');
    expect(findCondition(list, 'Active')?.status).toBe('True');
  });

  it('replaces in place and keeps the others', () => {
    const ready: NewCondition = {
      type: 'Ready',
      status: 'Unknown',
      reason: 'Verifying',
      message: '',
      observedGeneration: 1,
    };
    const list = setCondition(setCondition(setCondition([], delivering, at), ready, at), suspended, at);
    expect(list.map((condition) => condition.type)).toEqual(['Active', 'Ready']);
  });

  it('cuts a message to what Kubernetes takes', () => {
    const list = setCondition([], { ...delivering, message: 'x'.repeat(40_000) }, at);
    expect(list[0]?.message).toHaveLength(32_768);
    expect(setCondition(list, { ...delivering, message: 'x'.repeat(40_000) }, at)).toBe(list);
  });

  it('holds one condition per type whatever is set and removed', () => {
    const next = fc.constantFrom<NewCondition>(delivering, suspended, {
      type: 'Failing',
      status: 'True',
      reason: 'HTTPStatus',
      message: '500',
      observedGeneration: 1,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(next, fc.boolean())), (steps) => {
        let list: readonly Condition[] = [];
        for (const [condition, remove] of steps) {
          list = remove ? removeCondition(list, condition.type) : setCondition(list, condition, at);
        }
        expect(new Set(list.map((condition) => condition.type)).size).toBe(list.length);
        expect(conditionsSchema.safeParse(list).success).toBe(true);
      }),
    );
  });
});

describe('removeCondition', () => {
  it('returns the same list when there is nothing to remove', () => {
    const list = setCondition([], delivering, at);
    expect(removeCondition(list, 'Stalled')).toBe(list);
    expect(removeCondition(list, 'Active')).toEqual([]);
  });
});

describe('findCondition', () => {
  it('finds nothing where no conditions are', () => {
    expect(findCondition(undefined, 'Active')).toBeUndefined();
  });
});

describe('the declared reasons', () => {
  const declared = [conditionReasons, classConditionReasons].flatMap((table) =>
    Object.entries(table).flatMap(([type, statuses]) =>
      Object.entries(statuses).flatMap(([status, reasons]) =>
        Object.entries(reasons as Record<string, string>).map(([reason, meaning]) => ({
          type,
          status,
          reason,
          meaning,
        })),
      ),
    ),
  );

  it.each(declared)('$type $status $reason is what Kubernetes takes, with a meaning of one sentence', (entry) => {
    const { meaning, ...condition } = entry;
    const complete = { ...condition, message: meaning, lastTransitionTime: '2026-01-02T03:04:05Z' };
    expect(conditionSchema.safeParse(complete).success).toBe(true);
    expect(meaning).toMatch(/^[^\n]+\.$/);
  });

  it('explain every way in which an attempt can fail', () => {
    expect(Object.keys(conditionReasons.Failing.True)).toEqual([...failureReasons]);
  });

  it('name abnormal conditions only when they are True', () => {
    for (const type of ['BacklogFull', 'Reconciling', 'Stalled'] as const) {
      expect(Object.keys(conditionReasons[type])).toEqual(['True']);
    }
  });
});
