import * as fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { DeliverySpec } from './delivery-settings.ts';
import { resolveDelivery } from './resolve.ts';
import { webhookClassSchema } from './webhook-class.ts';

const full: DeliverySpec = {
  timeouts: { connect: '1s', total: '2s' },
  retry: { schedule: ['3s'], jitterPercent: 4, retryAfter: { maxDelay: '5s' } },
  responses: [{ statusCodes: ['4xx'], action: 'Reject' }],
  disable: {
    failingAfter: 6,
    warnAfter: 7,
    afterConsecutiveFailures: 8,
    minFailingDuration: '9s',
    afterExhaustedEvents: 10,
    reactivateBy: ['Annotation'],
  },
  whileInactive: 'Drop',
  concurrency: 11,
  rateLimit: { requests: 12, per: '13s' },
  ordered: true,
};
const other: DeliverySpec = { ...full, timeouts: { connect: '7s', total: '7s' }, concurrency: 7, ordered: false };
const fullSettings = {
  timeouts: { connectMs: 1000, totalMs: 2000 },
  retry: { scheduleMs: [3000], jitterPercent: 4, retryAfterMaxMs: 5000 },
  responses: [{ statusCodes: ['4xx'], action: 'Reject' }],
  disable: {
    failingAfter: 6,
    warnAfter: 7,
    afterConsecutiveFailures: 8,
    minFailingDurationMs: 9000,
    afterExhaustedEvents: 10,
    reactivateBy: ['Annotation'],
  },
  whileInactive: 'Drop',
  concurrency: 11,
  rateLimit: { requests: 12, perMs: 13_000 },
  ordered: true,
};
const defaultSettings = {
  timeouts: { connectMs: 5000, totalMs: 15_000 },
  retry: {
    scheduleMs: [5000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000],
    jitterPercent: 10,
    retryAfterMaxMs: 3_600_000,
  },
  responses: [{ statusCodes: ['410'], action: 'Disable' }],
  disable: {
    failingAfter: 3,
    warnAfter: 250,
    afterConsecutiveFailures: 500,
    minFailingDurationMs: 86_400_000,
    afterExhaustedEvents: 0,
    reactivateBy: ['Toggle', 'Annotation', 'URLChange'],
  },
  whileInactive: 'Keep',
  concurrency: 16,
  rateLimit: { requests: 0, perMs: 1000 },
  ordered: false,
};

describe('resolveDelivery', () => {
  it('is the built-in defaults where neither class nor Webhook says anything', () => {
    expect(resolveDelivery({}, {})).toEqual(defaultSettings);
    expect(resolveDelivery({ delivery: {} }, { delivery: { timeouts: {}, retry: {} } })).toEqual(defaultSettings);
  });

  it('is the class where the Webhook says nothing', () => {
    expect(resolveDelivery({ delivery: full }, {})).toEqual(fullSettings);
  });

  it('is the Webhook where both say something', () => {
    expect(resolveDelivery({ delivery: other }, { delivery: full })).toEqual(fullSettings);
  });

  it('merges leaf by leaf and replaces lists as a whole', () => {
    const settings = resolveDelivery(
      { delivery: full },
      {
        delivery: {
          timeouts: { total: '20s' },
          retry: { schedule: [] },
          responses: [],
          disable: { warnAfter: 0 },
          rateLimit: { requests: 0 },
          ordered: false,
        },
      },
    );
    expect(settings).toEqual({
      ...fullSettings,
      timeouts: { connectMs: 1000, totalMs: 20_000 },
      retry: { ...fullSettings.retry, scheduleMs: [] },
      responses: [],
      disable: { ...fullSettings.disable, warnAfter: 0 },
      rateLimit: { requests: 0, perMs: 13_000 },
      ordered: false,
    });
  });

  it('takes each leaf from the highest level that sets it', () => {
    const partOf = (whole: object): fc.Arbitrary<object> =>
      fc.record(
        Object.fromEntries(
          Object.entries(whole).map(([key, value]) => [
            key,
            typeof value === 'object' && !Array.isArray(value) ? partOf(value as object) : fc.constant(value),
          ]),
        ),
        { requiredKeys: [] },
      );
    const leaves = (value: object, path = ''): [string, unknown][] =>
      Object.entries(value).flatMap(([key, child]): [string, unknown][] =>
        typeof child === 'object' && !Array.isArray(child)
          ? leaves(child as object, `${path}.${key}`)
          : [[`${path}.${key}`, child]],
      );
    const flatten = (value: object) => new Map(leaves(value));
    fc.assert(
      fc.property(partOf(full), partOf(other), (upper, lower) => {
        const [settings, high, low] = [
          flatten(resolveDelivery({ delivery: lower }, { delivery: upper })),
          flatten(upper),
          flatten(lower),
        ];
        expect(settings.get('.concurrency')).toBe(high.get('.concurrency') ?? low.get('.concurrency') ?? 16);
        expect(settings.get('.ordered')).toBe(high.get('.ordered') ?? low.get('.ordered') ?? false);
        expect(settings.get('.timeouts.connectMs')).toBe(
          high.has('.timeouts.connect') ? 1000 : low.has('.timeouts.connect') ? 7000 : 5000,
        );
        expect([...settings.keys()]).toEqual([...flatten(fullSettings).keys()]);
      }),
    );
  });

  it('gives the class standard, spelled out, exactly what an empty class gives', () => {
    const file = readFileSync(new URL('../../examples/classes/standard.yaml', import.meta.url), 'utf8');
    const { spec } = webhookClassSchema.parse({ ...parse(file), metadata: { name: 'standard', uid: 'u' } });
    expect(resolveDelivery(spec, {})).toEqual(defaultSettings);
    const empty = webhookClassSchema.shape.spec.parse({});
    expect({ ...spec, description: undefined, delivery: undefined }).toEqual({
      ...empty,
      description: undefined,
      delivery: undefined,
    });
  });
});
