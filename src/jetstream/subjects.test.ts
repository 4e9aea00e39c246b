import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  backlogSubject,
  deadLetterSubject,
  defaultStreamNames as names,
  parseDeliverySubject,
  parseStateSubject,
  retryDueSubject,
  retryScheduleSubject,
  stateSubject,
} from './subjects.ts';

const slots = fc.nat({ max: 9999 });
const uids = fc.uuid();
const keys = fc.stringMatching(/^[a-z0-9]{12}-[1-9][0-9]{0,9}(-[0-9a-f-]{36})?$/);

test('every subject of a delivery can be taken apart again', () => {
  fc.assert(
    fc.property(slots, uids, keys, (slot, uid, key) => {
      expect(parseDeliverySubject(retryScheduleSubject(slot, uid, key))).toEqual({
        kind: 'RetrySchedule',
        slot,
        uid,
        key,
      });
      expect(parseDeliverySubject(retryDueSubject(slot, uid))).toEqual({ kind: 'RetryDue', slot, uid });
      expect(parseDeliverySubject(backlogSubject(slot, uid))).toEqual({ kind: 'Backlog', slot, uid });
      expect(parseDeliverySubject(deadLetterSubject(slot, uid))).toEqual({ kind: 'DeadLetter', slot, uid });
      expect(parseStateSubject(names, stateSubject(names, slot, uid))).toEqual({ slot, key: uid });
    }),
  );
});

test.for([
  'events.1.team-a.x',
  'retry.sched.1.u',
  'retry.sched.1.u.',
  'retry.sched.1.u.k.more',
  'retry.sched.one.u.k',
  'retry.due.1',
  'retry.due.01.u',
  'retry.other.1.u',
  'backlog.1',
  'backlog.-1.u',
  'backlog.1.',
  'dead.1.u.more',
  'dead..u',
  '',
])('"%s" is no subject of a delivery', (subject) => {
  expect(parseDeliverySubject(subject)).toBeUndefined();
});

test.for([
  'KV.webhook-operator-state.1.u',
  '$KV.other.1.u',
  '$KV.webhook-operator-state.1',
  '$KV.webhook-operator-state.x.u',
  '$KV.webhook-operator-state.1.u.more',
])('"%s" is no subject of STATE', (subject) => {
  expect(parseStateSubject(names, subject)).toBeUndefined();
});
