import { describe, expect, test } from 'vitest';

import type { EventContent } from './delivery.ts';
import { deliveryEvent } from './event.fixture.ts';
import { filterAccepts } from './event-filter.ts';
import { compileFilter } from './filter.ts';
import type { FilterInput } from './webhook-config.ts';

function content(data: Uint8Array | undefined, headers: Record<string, string> = {}): EventContent {
  return { ...deliveryEvent('', headers), key: 'k-1', sequence: 1, data };
}
function accepts(source: string, event: EventContent) {
  let failed = 0;
  const accepted = filterAccepts({ filter: compileFilter(source) }, { filterFailed: () => (failed += 1) }, event);
  return { accepted, failed };
}

describe('a filter', () => {
  test('that is not there wants every event', () => {
    expect(filterAccepts({}, { filterFailed: () => expect.unreachable() }, content(undefined))).toBe(true);
  });

  test('sees type, id, headers, time and the parsed body', () => {
    const event = content(Buffer.from('{"n":1}'), { 'X-Team': 'a' });
    const whole =
      'type == "item.created" && id == "evt-1" && headers["X-Team"] == "a" && data.n == 1 && ' +
      'timestamp(time) == timestamp("2026-01-01T12:00:00.005Z")';
    expect(accepts(whole, event)).toEqual({ accepted: true, failed: 0 });
    expect(accepts('data.n == 2', event)).toEqual({ accepted: false, failed: 0 });
  });

  test.each([
    ['no JSON', Buffer.from('{"n":')],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['not at hand', undefined],
  ])('on a body that is %s fails, which is counted and is no match', (_what, data) => {
    expect(accepts('data.n == 1', content(data))).toEqual({ accepted: false, failed: 1 });
  });

  test('shares the parsed body of an event with the other filters', () => {
    const seen: unknown[] = [];
    const filter = { source: '', matches: ({ data }: FilterInput) => seen.push(data) > 0 };
    const event = content(Buffer.from('{"n":1}'));
    for (let webhook = 0; webhook < 3; webhook += 1)
      filterAccepts({ filter }, { filterFailed: () => undefined }, event);
    expect(seen[0]).toEqual({ n: 1 });
    expect(seen[1]).toBe(seen[0]);
    expect(seen[2]).toBe(seen[0]);
  });
});
