import { describe, expect, it } from 'vitest';
import { EventSeriesCache, type EventInput } from './event-series.ts';

const WALL = Date.UTC(2026, 0, 1);

const disabled: EventInput = {
  regarding: { apiVersion: 'webhook-operator.dev/v1alpha1', kind: 'Webhook', namespace: 'a', name: 'crm', uid: 'u' },
  type: 'Warning',
  reason: 'Disabled',
  action: 'Disable',
  note: 'no success for 24h',
};

function cache(): EventSeriesCache {
  return new EventSeriesCache('webhook-operator.dev/operator', 'webhook-operator-abc');
}

function at(ms: number): { wall: number; monotonic: number } {
  return { wall: WALL + ms, monotonic: 5000 + ms };
}

describe('EventSeriesCache', () => {
  it('makes an Event of the first occurrence', () => {
    const events = cache();
    const key = events.observe(disabled, at(0)) ?? '';
    const { event, series } = events.entry(key) ?? {};
    expect(series).toBeUndefined();
    expect(event).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace: 'a' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'webhook-operator.dev/operator',
      reportingInstance: 'webhook-operator-abc',
      ...disabled,
    });
    expect(event?.metadata.name).toMatch(/^crm\.[0-9a-f]{16}$/);
  });

  it('makes a series of the second occurrence, whatever the note, and counts on without a word', () => {
    const events = cache();
    const key = events.observe(disabled, at(0)) ?? '';
    expect(events.observe({ ...disabled, note: 'another' }, at(1000))).toBe(key);
    expect(events.entry(key)?.series).toEqual({ count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' });
    expect(events.observe(disabled, at(2000))).toBeUndefined();
    expect(events.entry(key)?.series).toEqual({ count: 3, lastObservedTime: '2026-01-01T00:00:02.000000Z' });
    expect(events.keysToRefresh()).toEqual([key]);
  });

  it('keeps apart what differs in anything but the note', () => {
    const events = cache();
    const variants: EventInput[] = [
      disabled,
      { ...disabled, type: 'Normal' },
      { ...disabled, reason: 'Other' },
      { ...disabled, action: 'Other' },
      { ...disabled, regarding: { ...disabled.regarding, uid: 'another' } },
      { ...disabled, related: { apiVersion: 'v1', kind: 'Secret', namespace: 'a', name: 's' } },
    ];
    const keys = variants.map((variant) => events.observe(variant, at(0)));
    expect(new Set(keys).size).toBe(variants.length);
    const names = keys.map((key) => events.entry(key ?? '')?.event.metadata.name);
    expect(new Set(names).size).toBe(variants.length);
    expect(events.keysToRefresh()).toEqual([]);
  });

  it('finishes a series after 6 minutes of silence and starts a new Event then', () => {
    const events = cache();
    const key = events.observe(disabled, at(0)) ?? '';
    events.observe(disabled, at(60_000));
    expect(events.finish(5000 + 419_999)).toEqual([]);
    expect(events.finish(5000 + 420_000)).toMatchObject([{ series: { count: 2 } }]);
    expect(events.size).toBe(0);
    expect(events.observe(disabled, at(500_000))).toBe(key);
    expect(events.entry(key)?.series).toBeUndefined();
  });

  it('forgets a single occurrence after 6 minutes without a last write', () => {
    const events = cache();
    events.observe(disabled, at(0));
    expect(events.finish(5000 + 360_000)).toEqual([]);
    expect(events.size).toBe(0);
  });

  it('puts events about cluster-scoped objects into the namespace default', () => {
    const events = cache();
    const regarding = { apiVersion: 'webhook-operator.dev/v1alpha1', kind: 'WebhookClass', name: 'standard' };
    const key = events.observe({ ...disabled, regarding }, at(0)) ?? '';
    expect(events.entry(key)?.event.metadata.namespace).toBe('default');
  });

  it('keeps within the limits of the API: note 1024 bytes cut at a character, name 253, reason 128', () => {
    const events = cache();
    const regarding = { ...disabled.regarding, name: `${'n'.repeat(229)}.${'n'.repeat(23)}` };
    const input = { ...disabled, regarding, note: `x${'ü'.repeat(1000)}`, reason: 'R'.repeat(200) };
    const { event } = events.entry(events.observe(input, at(0)) ?? '') ?? {};
    expect(Buffer.byteLength(event?.note ?? '')).toBeLessThanOrEqual(1024);
    expect(event?.note).toMatch(/^xü+…$/);
    expect(event?.metadata.name).toMatch(/^n{229}\.[0-9a-f]{16}$/);
    expect(event?.reason).toHaveLength(128);
  });
});
