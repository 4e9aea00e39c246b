/** Specs of Webhooks for the API server to judge. */

interface GoodSpec {
  readonly what: string;
  readonly spec: object;
}
export interface BadSpec extends GoodSpec {
  /** Parts of the API server's message: the field, and what is wrong with it. */
  readonly says: readonly [field: string, message: string];
}

const url = 'https://crm.example.com/hooks?from=team-a';
const events = ['item.created'];
const secretKeyRef = { name: 'crm', key: 'token' };
const repeat = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

const withURL = (value: string) => ({ url: value, events });
const withEvents = (...patterns: readonly string[]) => ({ url, events: patterns });
const withHeaders = (...headers: readonly object[]) => ({ url, events, headers });
const withDelivery = (delivery: object) => ({ url, events, delivery });

export const goodWebhooks: readonly GoodSpec[] = [
  { what: 'the smallest one', spec: { url, events } },
  {
    what: 'every field at once',
    spec: {
      url,
      className: 'card-board',
      events: ['item.created', 'item.status_changed.>', '*.deleted'],
      filter: 'data.columnId == "status"',
      headers: [
        { name: 'X-Team', value: 'a' },
        { name: 'Authorization', valueFrom: { secretKeyRef } },
      ],
      signing: { keys: [{ secretKeyRef }, { secretKeyRef: { name: 'crm', key: 'previous' } }] },
      suspend: false,
      delivery: {
        timeouts: { connect: '500ms', total: '1m30s' },
        retry: { schedule: ['1.5s', '5m', '720h'], jitterPercent: 100, retryAfter: { maxDelay: '0s' } },
        responses: [
          { statusCodes: ['410', '4xx'], action: 'Disable' },
          { statusCodes: ['599'], action: 'Reject' },
          { statusCodes: ['3xx'], action: 'Retry' },
        ],
        disable: {
          failingAfter: 0,
          warnAfter: 0,
          afterConsecutiveFailures: 1_000_000,
          minFailingDuration: '0s',
          afterExhaustedEvents: 1,
          reactivateBy: ['Toggle'],
        },
        whileInactive: 'Drop',
        concurrency: 1024,
        rateLimit: { requests: 0, per: '24h' },
        ordered: true,
      },
    },
  },
  { what: 'a URL from a Secret', spec: { urlFrom: { secretKeyRef }, events } },
  { what: 'a scheme in capitals', spec: withURL('HTTPS://example.com') },
  { what: 'an IPv4 address with a port', spec: withURL('http://127.0.0.1:8787/hooks') },
  { what: 'an IPv6 address with a port', spec: withURL('http://[::1]:8787/hooks') },
  { what: 'an @ behind the host', spec: withURL('https://example.com/@me?mail=a@b') },
  { what: 'the longest URL', spec: withURL('https://example.com/'.padEnd(4096, 'x')) },
  { what: 'everything by >', spec: withEvents('>') },
  { what: 'one token by *', spec: withEvents('*') },
  { what: '* and > together', spec: withEvents('a.*.b.>') },
  { what: 'a type that is not ASCII', spec: withEvents('bücher.geändert') },
  { what: '64 patterns', spec: withEvents(...repeat(64, (index) => `a${index}`)) },
  {
    what: 'headers whose names begin alike',
    spec: withHeaders({ name: 'X-A', value: '' }, { name: 'X-A-B', value: 'x\t ~' }),
  },
  { what: '32 headers', spec: withHeaders(...repeat(32, (index) => ({ name: `X-${index}`, value: 'v' }))) },
  { what: 'an empty delivery', spec: withDelivery({}) },
  { what: 'one attempt', spec: withDelivery({ retry: { schedule: [] } }) },
];

export const badWebhooks: readonly BadSpec[] = [
  { what: 'neither url nor urlFrom', spec: { events }, says: ['spec', 'exactly one of url and urlFrom must be set'] },
  {
    what: 'url and urlFrom',
    spec: { url, urlFrom: { secretKeyRef }, events },
    says: ['spec', 'exactly one of url and urlFrom'],
  },
  { what: 'another scheme', spec: withURL('ftp://a/'), says: ['spec.url', 'must start with http:// or https://'] },
  { what: 'no scheme', spec: withURL('example.com'), says: ['spec.url', 'must start with http:// or https://'] },
  { what: 'an empty URL', spec: withURL(''), says: ['spec.url', 'at least 1 chars long'] },
  { what: 'a user in the URL', spec: withURL('https://u@a/'), says: ['spec.url', 'user name or password'] },
  { what: 'a password in the URL', spec: withURL('https://u:p@a/'), says: ['spec.url', 'user name or password'] },
  { what: 'a fragment', spec: withURL('https://a/#f'), says: ['spec.url', 'fragment'] },
  { what: 'a space in the URL', spec: withURL('https://a/ b'), says: ['spec.url', 'printable ASCII'] },
  { what: 'a line break in the URL', spec: withURL('https://a/\nb'), says: ['spec.url', 'printable ASCII'] },
  { what: 'a backslash', spec: withURL(String.raw`https://a\@b/`), says: ['spec.url', 'backslashes'] },
  { what: 'a name that is not ASCII', spec: withURL('https://bücher.example/'), says: ['spec.url', 'printable ASCII'] },
  { what: 'no host', spec: withURL('https:///a'), says: ['spec.url', 'must name a host'] },
  { what: 'a port that is no number', spec: withURL('https://a:b/'), says: ['spec.url', 'may name a port number'] },
  {
    what: 'a URL that is too long',
    spec: withURL('https://a/'.padEnd(4097, 'x')),
    says: ['spec.url', 'may not be more than 4096'],
  },
  { what: 'a URL that is no text', spec: { url: 7, events }, says: ['spec.url', 'must be of type string'] },
  {
    what: 'urlFrom without a reference',
    spec: { urlFrom: {}, events },
    says: ['spec.urlFrom.secretKeyRef', 'Required value'],
  },
  {
    what: 'a Secret without a key',
    spec: { urlFrom: { secretKeyRef: { name: 'crm' } }, events },
    says: ['spec.urlFrom.secretKeyRef.key', 'Required value'],
  },
  {
    what: 'a Secret of another namespace',
    spec: { urlFrom: { secretKeyRef: { name: 'other/crm', key: 'url' } }, events },
    says: ['spec.urlFrom.secretKeyRef.name', 'must be the name of an object'],
  },
  {
    what: 'a key that no Secret can have',
    spec: { urlFrom: { secretKeyRef: { name: 'crm', key: 'a/b' } }, events },
    says: ['spec.urlFrom.secretKeyRef.key', 'must be a key of a Secret'],
  },
  { what: 'no events', spec: { url }, says: ['spec.events', 'Required value'] },
  { what: 'an empty list of events', spec: withEvents(), says: ['spec.events', 'at least 1 items'] },
  {
    what: '65 patterns',
    spec: withEvents(...repeat(65, (index) => `a${index}`)),
    says: ['spec.events', 'at most 64 items'],
  },
  { what: 'a pattern twice', spec: withEvents('a', 'b', 'a'), says: ['spec.events[2]', 'Duplicate value'] },
  { what: 'an empty pattern', spec: withEvents(''), says: ['spec.events[0]', 'at least 1 chars'] },
  { what: 'an empty token', spec: withEvents('a', 'a..b'), says: ['spec.events[1]', 'events must be patterns'] },
  {
    what: '> before the end',
    spec: withEvents('a.>.b'),
    says: ['spec.events[0]', '> for one or more and only at the end'],
  },
  { what: '> within a token', spec: withEvents('a>'), says: ['spec.events[0]', 'events must be patterns'] },
  { what: '* within a token', spec: withEvents('a*.b'), says: ['spec.events[0]', '* stands for exactly one token'] },
  { what: 'a space in a pattern', spec: withEvents('a b'), says: ['spec.events[0]', 'without spaces'] },
  { what: 'a dot at the end', spec: withEvents('a.'), says: ['spec.events[0]', 'dot-separated tokens'] },
  {
    what: 'a pattern that is too long',
    spec: withEvents('a'.repeat(257)),
    says: ['spec.events[0]', 'may not be more than 256'],
  },
  { what: 'an empty filter', spec: { url, events, filter: '' }, says: ['spec.filter', 'at least 1 chars'] },
  {
    what: 'a filter that is too long',
    spec: { url, events, filter: 'x'.repeat(4097) },
    says: ['spec.filter', 'more than 4096'],
  },
  {
    what: 'a class that no object can be',
    spec: { url, events, className: 'Card_Board' },
    says: ['spec.className', 'name of an object'],
  },
  {
    what: 'the header host',
    spec: withHeaders({ name: 'Host', value: 'x' }),
    says: ['spec.headers[0].name', 'must not be host'],
  },
  {
    what: 'the header content-length',
    spec: withHeaders({ name: 'CONTENT-LENGTH', value: '0' }),
    says: ['spec.headers[0].name', 'must not be host, content-length'],
  },
  {
    what: 'a header of the connection',
    spec: withHeaders({ name: 'Transfer-Encoding', value: 'chunked' }),
    says: ['spec.headers[0].name', 'a header of the connection'],
  },
  {
    what: 'the header upgrade',
    spec: withHeaders({ name: 'upgrade', value: 'h2c' }),
    says: ['spec.headers[0].name', 'of the connection'],
  },
  {
    what: 'a header of the operator',
    spec: withHeaders({ name: 'X-A', value: 'x' }, { name: 'Webhook-Signature', value: 'x' }),
    says: ['spec.headers[1].name', 'must not begin with webhook-'],
  },
  {
    what: 'a colon in the name of a header',
    spec: withHeaders({ name: 'a:b', value: 'x' }),
    says: ['spec.headers[0].name', 'without spaces'],
  },
  {
    what: 'a line break in a header',
    spec: withHeaders({ name: 'X-A', value: 'a\r\nHost: evil' }),
    says: ['spec.headers[0].value', 'without line breaks'],
  },
  {
    what: 'spaces around a value',
    spec: withHeaders({ name: 'X-A', value: 'a ' }),
    says: ['spec.headers[0].value', 'without spaces around it'],
  },
  {
    what: 'a header without a value',
    spec: withHeaders({ name: 'X-A' }),
    says: ['spec.headers[0]', 'exactly one of value and valueFrom'],
  },
  {
    what: 'a header with two values',
    spec: withHeaders({ name: 'X-A', value: 'a', valueFrom: { secretKeyRef } }),
    says: ['spec.headers[0]', 'exactly one of value and valueFrom'],
  },
  {
    what: 'a header twice',
    spec: withHeaders({ name: 'X-A', value: 'a' }, { name: 'X-A', value: 'b' }),
    says: ['spec.headers[1]', 'Duplicate value'],
  },
  {
    what: 'a header twice in another case',
    spec: withHeaders({ name: 'X-A', value: 'a' }, { name: 'x-a', value: 'b' }),
    says: ['spec.headers', 'unique without regard to case'],
  },
  {
    what: '33 headers',
    spec: withHeaders(...repeat(33, (index) => ({ name: `X-${index}`, value: 'v' }))),
    says: ['spec.headers', 'at most 32 items'],
  },
  { what: 'signing without keys', spec: { url, events, signing: {} }, says: ['spec.signing.keys', 'Required value'] },
  {
    what: 'an empty list of keys',
    spec: { url, events, signing: { keys: [] } },
    says: ['spec.signing.keys', 'at least 1 items'],
  },
  {
    what: 'a time-out in days',
    spec: withDelivery({ timeouts: { total: '1d' } }),
    says: ['spec.delivery.timeouts.total', 'must be a duration like 1h30m, 15s or 500ms (no days)'],
  },
  {
    what: 'a time-out that is a number',
    spec: withDelivery({ timeouts: { total: 15 } }),
    says: ['spec.delivery.timeouts.total', 'must be of type string'],
  },
  {
    what: 'a time-out that is too long',
    spec: withDelivery({ timeouts: { connect: '61s' } }),
    says: ['spec.delivery.timeouts.connect', 'between 10ms and 1m'],
  },
  {
    what: 'a delay that is too long',
    spec: withDelivery({ retry: { schedule: ['5s', '721h'] } }),
    says: ['spec.delivery.retry.schedule[1]', 'between 10ms and 720h'],
  },
  {
    what: 'too many delays',
    spec: withDelivery({ retry: { schedule: repeat(65, () => '1s') } }),
    says: ['spec.delivery.retry.schedule', 'at most 64 items'],
  },
  {
    what: 'jitter over 100 percent',
    spec: withDelivery({ retry: { jitterPercent: 101 } }),
    says: ['spec.delivery.retry.jitterPercent', 'less than or equal to 100'],
  },
  {
    what: 'a rule for a success',
    spec: withDelivery({ responses: [{ statusCodes: ['204'], action: 'Reject' }] }),
    says: ['spec.delivery.responses[0].statusCodes[0]', 'a 2xx is always a success'],
  },
  {
    what: 'a code that is no text',
    spec: withDelivery({ responses: [{ statusCodes: [410], action: 'Reject' }] }),
    says: ['spec.delivery.responses[0].statusCodes[0]', 'must be of type string'],
  },
  {
    what: 'an action that does not exist',
    spec: withDelivery({ responses: [{ statusCodes: ['410'], action: 'Explode' }] }),
    says: ['spec.delivery.responses[0].action', 'supported values: "Retry", "Reject", "Disable"'],
  },
  {
    what: 'a negative threshold',
    spec: withDelivery({ disable: { afterConsecutiveFailures: -1 } }),
    says: ['spec.delivery.disable.afterConsecutiveFailures', 'greater than or equal to 0'],
  },
  {
    what: 'no way back from a disable',
    spec: withDelivery({ disable: { reactivateBy: [] } }),
    says: ['spec.delivery.disable.reactivateBy', 'at least 1 items'],
  },
  {
    what: 'no concurrency',
    spec: withDelivery({ concurrency: 0 }),
    says: ['spec.delivery.concurrency', 'greater than or equal to 1'],
  },
  {
    what: 'a rate without end',
    spec: withDelivery({ rateLimit: { per: '0s' } }),
    says: ['spec.delivery.rateLimit.per', 'between 10ms and 24h'],
  },
  {
    what: 'another way to treat events',
    spec: withDelivery({ whileInactive: 'Forget' }),
    says: ['spec.delivery.whileInactive', 'supported values: "Keep", "Drop"'],
  },
  {
    what: 'a field that is not served yet',
    spec: withDelivery({ receiverControl: [] }),
    says: ['spec.delivery.receiverControl', 'unknown field'],
  },
  {
    what: 'claims, which come later',
    spec: { url, events, signing: { keys: [{ secretKeyRef }], claims: [] } },
    says: ['spec.signing.claims', 'unknown field'],
  },
  { what: 'no spec', spec: undefined as unknown as object, says: ['spec', 'Required value'] },
];
