import type { BadSpec } from './webhook-table.ts';

/** Specs of WebhookClasses for the API server to judge. */
export const goodClasses: readonly { readonly what: string; readonly spec: object }[] = [
  { what: 'an empty one', spec: {} },
  {
    what: 'every field at once',
    spec: {
      description: 'x'.repeat(1024),
      source: { name: 'public' },
      admission: {
        urlMaxLength: 255,
        requireHTTPS: false,
        allowedHosts: ['*.example.com', '**.internal', 'api-*.example.net', '[fd00::1]'],
        namespaceSelector: {
          matchLabels: { team: 'a' },
          matchExpressions: [
            { key: 'tier', operator: 'In', values: ['gold'] },
            { key: 'old', operator: 'DoesNotExist' },
          ],
        },
        overrides: [
          'timeouts',
          'retry',
          'responses',
          'disable',
          'whileInactive',
          'rateLimit',
          'concurrency',
          'ordered',
        ],
        limits: { maxConcurrency: 1024, maxTotalTimeout: '5m', maxRetrySpan: '8760h' },
        exempt: true,
      },
      verification: { method: 'CloudEventsHandshake' },
      payload: { format: 'CloudEventsBinary' },
      signing: { scheme: 'StandardWebhooks', required: true },
      delivery: { ordered: true },
      network: { allowedCIDRs: ['10.0.0.0/8', '::1/128', 'fd00::/8'] },
    },
  },
  { what: 'nothing allowed to be overridden', spec: { admission: { overrides: [], limits: {} } } },
  { what: 'no signatures', spec: { signing: { scheme: 'None' } } },
];

const admission = (value: object) => ({ admission: value });
const ranges = (...allowedCIDRs: readonly string[]) => ({ network: { allowedCIDRs } });

export const badClasses: readonly BadSpec[] = [
  {
    what: 'a source of two tokens',
    spec: { source: { name: 'a.b' } },
    says: ['spec.source.name', 'must be one token'],
  },
  {
    what: 'a source in capitals',
    spec: { source: { name: 'Public' } },
    says: ['spec.source.name', 'lower-case letters'],
  },
  {
    what: 'a description that is too long',
    spec: { description: 'x'.repeat(1025) },
    says: ['spec.description', 'more than 1024'],
  },
  {
    what: 'a URL of no length',
    spec: admission({ urlMaxLength: 0 }),
    says: ['spec.admission.urlMaxLength', 'greater than or equal to 1'],
  },
  {
    what: 'a host with a scheme',
    spec: admission({ allowedHosts: ['https://a'] }),
    says: ['spec.admission.allowedHosts[0]', 'without scheme, port and path'],
  },
  {
    what: 'a host with a port',
    spec: admission({ allowedHosts: ['a:80'] }),
    says: ['spec.admission.allowedHosts[0]', 'without scheme, port'],
  },
  {
    what: 'a host twice',
    spec: admission({ allowedHosts: ['a', 'a'] }),
    says: ['spec.admission.allowedHosts[1]', 'Duplicate value'],
  },
  {
    what: 'an operator without values',
    spec: admission({ namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }),
    says: ['spec.admission.namespaceSelector.matchExpressions[0]', 'values are needed by In and NotIn'],
  },
  {
    what: 'an operator that does not exist',
    spec: admission({ namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'Like', values: ['b'] }] } }),
    says: ['spec.admission.namespaceSelector.matchExpressions[0].operator', 'supported values: "In"'],
  },
  {
    what: 'a block that does not exist',
    spec: admission({ overrides: ['url'] }),
    says: ['spec.admission.overrides[0]', 'supported values: "timeouts"'],
  },
  {
    what: 'a limit that is too long',
    spec: admission({ limits: { maxTotalTimeout: '6m' } }),
    says: ['spec.admission.limits.maxTotalTimeout', 'between 10ms and 5m'],
  },
  {
    what: 'a verification that does not exist',
    spec: { verification: { method: 'Email' } },
    says: ['spec.verification.method', 'supported values: "Challenge"'],
  },
  {
    what: 'a format that does not exist',
    spec: { payload: { format: 'XML' } },
    says: ['spec.payload.format', 'supported values: "Raw"'],
  },
  {
    what: 'a scheme that comes later',
    spec: { signing: { scheme: 'Jwt' } },
    says: ['spec.signing.scheme', 'supported values: "StandardWebhooks", "None"'],
  },
  {
    what: 'required signatures of no scheme',
    spec: { signing: { scheme: 'None', required: true } },
    says: ['spec', 'signing.required needs a signing.scheme other than None'],
  },
  {
    what: 'an address without a prefix',
    spec: ranges('10.0.0.0'),
    says: ['spec.network.allowedCIDRs[0]', 'address ranges like 10.0.0.0/8'],
  },
  {
    what: 'a prefix that is too long',
    spec: ranges('10.0.0.0/33'),
    says: ['spec.network.allowedCIDRs[0]', 'address ranges'],
  },
  { what: 'leading zeros', spec: ranges('010.0.0.0/8'), says: ['spec.network.allowedCIDRs[0]', 'address ranges'] },
  {
    what: 'an address in another spelling',
    spec: ranges('::ffff:10.0.0.0/104'),
    says: ['spec.network.allowedCIDRs[0]', 'address ranges'],
  },
  {
    what: 'a delay in days',
    spec: { delivery: { retry: { schedule: ['1d'] } } },
    says: ['spec.delivery.retry.schedule[0]', 'no days'],
  },
  { what: 'a field that is not served yet', spec: { log: { bodyBytes: 4096 } }, says: ['spec.log', 'unknown field'] },
  {
    what: 'protected, which comes later',
    spec: admission({ protected: true }),
    says: ['spec.admission.protected', 'unknown field'],
  },
];
