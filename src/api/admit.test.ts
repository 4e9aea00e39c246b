import { describe, expect, it } from 'vitest';
import { admit, admitURL } from './admit.ts';
import { describeProblems } from './problem.ts';
import type { WebhookClassSpec } from './webhook-class.ts';
import { webhookClassSpecSchema } from './webhook-class.ts';
import type { WebhookSpec } from './webhook.ts';

const keys = [{ secretKeyRef: { name: 'signing', key: 'current' } }];

function classSpec(input: object = {}): WebhookClassSpec {
  return webhookClassSpecSchema.parse(input);
}
function webhook(changes: Partial<WebhookSpec> = {}): WebhookSpec {
  return { url: 'https://crm.example.com/hooks', events: ['item.created'], ...changes };
}
function problems(klass: object, spec: Partial<WebhookSpec>, labels: Record<string, string> = {}): string {
  return describeProblems(admit(classSpec(klass), labels, webhook(spec)));
}

describe('admit', () => {
  it('admits a plain Webhook to a plain class', () => {
    expect(admit(classSpec(), {}, webhook())).toEqual([]);
  });

  it('does not judge a URL that comes from a Secret', () => {
    expect(problems({}, { url: undefined, urlFrom: { secretKeyRef: { name: 'a', key: 'b' } } })).toBe('');
  });

  it('names every problem at once', () => {
    const klass = { admission: { overrides: [] }, signing: { required: true } };
    const found = admit(
      classSpec(klass),
      {},
      webhook({ url: 'http://a/', delivery: { concurrency: 1, ordered: true } }),
    );
    expect(found.map((problem) => problem.field)).toEqual([
      'spec.url',
      'spec.signing.keys',
      'spec.delivery.concurrency',
      'spec.delivery.ordered',
    ]);
  });

  it('keeps out namespaces that the selector does not choose', () => {
    const klass = { admission: { namespaceSelector: { matchLabels: { team: 'a' } } } };
    expect(problems(klass, {}, { team: 'a' })).toBe('');
    expect(problems(klass, {}, { team: 'b' })).toBe(
      'spec.className: the class is not for this namespace: label the namespace as admission.namespaceSelector of the class asks, or use another class',
    );
  });

  it('wants keys where the class requires signed requests, and none where it does not sign', () => {
    expect(problems({ signing: { required: true } }, {})).toContain(
      'spec.signing.keys: the class requires signed requests',
    );
    expect(problems({ signing: { required: true } }, { signing: { keys } })).toBe('');
    expect(problems({ signing: { scheme: 'None' } }, { signing: { keys } })).toContain(
      'spec.signing.keys: the class does not sign',
    );
    expect(problems({ signing: { scheme: 'None' } }, {})).toBe('');
  });

  it('lets a Webhook set the blocks of overrides, by default all but responses, disable and whileInactive', () => {
    const delivery = {
      timeouts: {},
      retry: {},
      responses: [],
      disable: {},
      whileInactive: 'Keep',
      rateLimit: {},
      concurrency: 1,
      ordered: false,
    } as const;
    const spec = { delivery: { ...delivery, responses: [] } };
    expect(admit(classSpec(), {}, webhook(spec)).map((problem) => problem.field)).toEqual([
      'spec.delivery.responses',
      'spec.delivery.disable',
      'spec.delivery.whileInactive',
    ]);
    expect(problems({ admission: { overrides: Object.keys(delivery) } }, spec)).toBe('');
    expect(problems({ admission: { overrides: [] } }, { delivery: { concurrency: 1 } })).toBe(
      'spec.delivery.concurrency: the class does not let a Webhook set this: remove it or use another class (it allows: none)',
    );
    expect(problems({ admission: { overrides: ['retry'] } }, { delivery: { concurrency: 1 } })).toContain(
      '(it allows: retry)',
    );
  });

  it('holds what a Webhook sets against the limits, the bounds themselves are allowed', () => {
    const limits = { maxConcurrency: 4, maxTotalTimeout: '10s', maxRetrySpan: '1h' };
    const klass = { admission: { limits } };
    expect(
      problems(klass, {
        delivery: { concurrency: 4, timeouts: { total: '10s' }, retry: { schedule: ['30m', '30m'] } },
      }),
    ).toBe('');
    expect(problems(klass, { delivery: { concurrency: 5 } })).toBe(
      'spec.delivery.concurrency: the class allows at most 4: lower it',
    );
    expect(problems(klass, { delivery: { timeouts: { total: '10s1ms' } } })).toBe(
      'spec.delivery.timeouts.total: the class allows at most 10s: shorten it',
    );
    expect(problems(klass, { delivery: { retry: { schedule: ['30m', '30m', '1s'] } } })).toBe(
      'spec.delivery.retry.schedule: the delays add up to 1h1s, the class allows at most 1h: shorten it',
    );
  });

  it('does not hold against a Webhook what its class says', () => {
    const klass = {
      admission: { limits: { maxConcurrency: 4, maxTotalTimeout: '10s', maxRetrySpan: '1h' } },
      delivery: { concurrency: 8, timeouts: { connect: '20s', total: '15s' }, retry: { schedule: ['2h'] } },
    };
    expect(problems(klass, {})).toBe('');
    expect(problems(klass, { delivery: { retry: { jitterPercent: 0 } } })).toBe('');
  });

  it('wants connect within total, also when the other one comes from the class', () => {
    expect(problems({}, { delivery: { timeouts: { total: '4s' } } })).toBe(
      'spec.delivery.timeouts: connect (5s) must not be longer than total (4s): set both',
    );
    expect(problems({}, { delivery: { timeouts: { connect: '4s', total: '4s' } } })).toBe('');
  });
});

describe('admitURL', () => {
  it('says first what any URL must be, and where the URL comes from', () => {
    expect(admitURL(classSpec(), 'ftp://a', 'spec.urlFrom')).toEqual([
      { field: 'spec.urlFrom', message: 'url must start with http:// or https://' },
    ]);
  });

  it('bounds the length by the class', () => {
    const klass = classSpec({ admission: { urlMaxLength: 20 } });
    expect(admitURL(klass, 'https://example.com/')).toEqual([]);
    expect(admitURL(klass, 'https://example.com/x')[0]?.message).toBe(
      'the class allows at most 20 characters, these are 21: use a shorter URL',
    );
  });

  it('wants https unless the class says otherwise', () => {
    expect(admitURL(classSpec(), 'http://a/')[0]?.message).toContain('requires https');
    expect(admitURL(classSpec(), 'HTTPS://a/')).toEqual([]);
    expect(admitURL(classSpec({ admission: { requireHTTPS: false } }), 'http://a/')).toEqual([]);
  });

  it('compares the host, not the port, with allowedHosts', () => {
    const klass = classSpec({ admission: { allowedHosts: ['*.example.com', 'crm.internal'] } });
    expect(admitURL(klass, 'https://A.example.com:8443/x')).toEqual([]);
    expect(admitURL(klass, 'https://crm.internal./')).toEqual([]);
    expect(admitURL(klass, 'https://evil.net/?a.example.com')[0]?.message).toBe(
      'the class allows only the hosts *.example.com, crm.internal: use one of them or another class',
    );
  });

  it('never repeats the URL, which may be a credential', () => {
    const klass = classSpec({ admission: { urlMaxLength: 10, allowedHosts: ['a'] } });
    const found = admitURL(klass, 'http://token-in-host.example/token-in-path', 'spec.urlFrom');
    expect(found).toHaveLength(3);
    expect(describeProblems(found)).not.toContain('token');
  });
});
