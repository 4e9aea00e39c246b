import { describe, expect, it } from 'vitest';
import { parseWebhook, parseWebhookClass } from './parse.ts';
import { describeProblems } from './problem.ts';

const metadata = { name: 'crm', namespace: 'team-a', uid: 'u-1', generation: 3, managedFields: [] };
const webhook = {
  apiVersion: 'webhook-operator.dev/v1alpha1',
  kind: 'Webhook',
  metadata,
  spec: { url: 'https://a/', events: ['item.created'] },
};
const status = { observedGeneration: 2, className: 'standard' };

describe('parseWebhook', () => {
  it('reads a Webhook and drops what it does not know', () => {
    const parsed = parseWebhook({ ...webhook, spec: { ...webhook.spec, fromTheFuture: 1 }, status });
    expect(parsed).toEqual({
      valid: true,
      object: { ...webhook, metadata: { name: 'crm', namespace: 'team-a', uid: 'u-1', generation: 3 }, status },
    });
  });

  it('takes a status that it can not read for none', () => {
    const parsed = parseWebhook({ ...webhook, status: { consecutiveFailures: 'many' } });
    expect(parsed.valid && parsed.object.status).toBeUndefined();
    expect(parsed.valid).toBe(true);
  });

  it('names the fields that break a rule, and keeps metadata and status so that it can be said there', () => {
    const spec = {
      url: 'https://a/',
      events: ['a..b', 'a..b'],
      headers: [{ name: 'Host', value: 'x' }],
      delivery: { timeouts: { total: '1d' } },
    };
    const parsed = parseWebhook({ ...webhook, spec, status });
    if (parsed.valid) throw new Error('the spec is not valid');
    expect(parsed.metadata?.uid).toBe('u-1');
    expect(parsed.status).toEqual(status);
    expect(parsed.problems.map((problem) => problem.field)).toEqual([
      'spec.events[0]',
      'spec.events[1]',
      'spec.events',
      'spec.headers[0].name',
      'spec.delivery.timeouts.total',
    ]);
    expect(describeProblems(parsed.problems)).toContain(
      'spec.delivery.timeouts.total: timeouts.total must be a duration',
    );
  });

  it('wants exactly one of url and urlFrom', () => {
    const { url: _, ...rest } = webhook.spec;
    const parsed = parseWebhook({ ...webhook, spec: rest });
    expect(parsed).toMatchObject({
      valid: false,
      problems: [{ field: 'spec', message: 'exactly one of url and urlFrom must be set' }],
    });
  });

  it.each([undefined, null, 'text', 7, [], {}, { metadata: { name: 1 } }])('never throws: %j', (value) => {
    expect(parseWebhook(value)).toMatchObject({ valid: false, metadata: undefined, status: undefined });
  });
});

describe('parseWebhookClass', () => {
  const klass = { apiVersion: webhook.apiVersion, kind: 'WebhookClass', metadata: { name: 'standard', uid: 'u-2' } };

  it('fills in the defaults, but none inside delivery', () => {
    const parsed = parseWebhookClass({ ...klass, spec: { delivery: { timeouts: {} } } });
    expect(parsed.valid && parsed.object.spec).toEqual({
      source: { name: '' },
      admission: {
        urlMaxLength: 2048,
        requireHTTPS: true,
        allowedHosts: [],
        namespaceSelector: {},
        overrides: ['timeouts', 'retry', 'rateLimit', 'concurrency', 'ordered'],
        limits: { maxConcurrency: 64, maxTotalTimeout: '60s', maxRetrySpan: '720h' },
        exempt: false,
      },
      verification: { method: 'Challenge' },
      payload: { format: 'Raw' },
      signing: { scheme: 'StandardWebhooks', required: false },
      delivery: { timeouts: {} },
      network: { allowedCIDRs: [] },
    });
  });

  it.each(['10.0.0.0/8', '127.0.0.1/32', '0.0.0.0/0', '::/0', 'fd00::/8', '::1/128', '64:ff9b::/96'])(
    'takes the range %s',
    (range) => {
      expect(parseWebhookClass({ ...klass, spec: { network: { allowedCIDRs: [range] } } }).valid).toBe(true);
    },
  );

  it.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0/8',
    '010.0.0.0/8',
    '10.0.0.0/8/8',
    '/8',
    '::/129',
    ':::/8',
    'fe80::%eth0/64',
    '::ffff:10.0.0.0/104',
    'example.com/8',
    '0x0a.0.0.0/8',
    '167772160/8',
  ])('refuses the range %s', (range) => {
    const parsed = parseWebhookClass({ ...klass, spec: { network: { allowedCIDRs: [range] } } });
    expect(parsed.valid ? '' : describeProblems(parsed.problems)).toContain(
      'spec.network.allowedCIDRs[0]: network.allowedCIDRs must be',
    );
  });

  it('refuses required signatures without a scheme', () => {
    const parsed = parseWebhookClass({ ...klass, spec: { signing: { scheme: 'None', required: true } } });
    expect(parsed.valid ? '' : describeProblems(parsed.problems)).toBe(
      'spec: signing.required needs a signing.scheme other than None',
    );
  });
});
