import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { deadWebhooks, needsProofOfKind, type FoundWebhook, type SweepQuestion } from './sweep-decision.ts';

const found = (entries: Record<string, string | undefined>): Map<string, FoundWebhook> =>
  new Map(Object.entries(entries).map(([uid, namespace]) => [uid, { namespace, slots: new Set([0]) }]));
const question = (changes: Partial<SweepQuestion>): SweepQuestion => ({
  found: found({ gone: 'a', alive: 'a' }),
  firstList: new Set(['alive']),
  secondList: new Set(['alive']),
  watchNamespaces: undefined,
  kindIsServed: true,
  ...changes,
});
const dead = (asked: SweepQuestion): string[] => [...deadWebhooks(asked).keys()];

test('a uid that is absent in both LISTs is dead, one that is in either of them is not', () => {
  expect(dead(question({}))).toEqual(['gone']);
  expect(dead(question({ firstList: new Set(['gone', 'alive']) }))).toEqual([]);
  expect(dead(question({ secondList: new Set(['gone', 'alive']) }))).toEqual([]);
});

test('only Webhooks of watched namespaces are judged; one whose namespace is not known only when all are watched', () => {
  const stored = found({ watched: 'a', other: 'b', unknown: undefined });
  expect(dead(question({ found: stored, watchNamespaces: ['a'] }))).toEqual(['watched']);
  expect(dead(question({ found: stored }))).toEqual(['watched', 'other', 'unknown']);
});

test('an empty LIST is believed only when our kind is served', () => {
  const empty = question({ firstList: new Set(), secondList: new Set(), kindIsServed: false });
  expect(needsProofOfKind(empty)).toBe(true);
  expect(dead(empty)).toEqual([]);
  expect(dead({ ...empty, kindIsServed: true })).toEqual(['gone', 'alive']);
  expect(dead(question({ secondList: new Set(), kindIsServed: false }))).toEqual([]);
  expect(needsProofOfKind(question({}))).toBe(false);
  expect(needsProofOfKind({ ...empty, found: new Map() })).toBe(false);
});

test('nothing that was ever listed is removed, whatever else holds', () => {
  const uids = fc.uniqueArray(fc.constantFrom('u1', 'u2', 'u3', 'u4', 'u5'));
  const property = fc.property(uids, uids, uids, fc.boolean(), (stored, first, second, kindIsServed) => {
    const removed = dead({
      found: found(Object.fromEntries(stored.map((uid) => [uid, 'a']))),
      firstList: new Set(first),
      secondList: new Set(second),
      watchNamespaces: undefined,
      kindIsServed,
    });
    for (const uid of removed) {
      expect(stored).toContain(uid);
      expect([...first, ...second]).not.toContain(uid);
    }
  });
  fc.assert(property);
});
