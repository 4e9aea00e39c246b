/** The CRDs and examples, judged by the real API server. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseWebhook, parseWebhookClass } from '../../src/api/parse.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { badClasses, goodClasses } from './webhook-class-table.ts';
import { badWebhooks, goodWebhooks } from './webhook-table.ts';

const apiVersion = 'webhook-operator.dev/v1alpha1';
const webhooks = `/apis/${apiVersion}/namespaces/default/webhooks`;
const classes = `/apis/${apiVersion}/webhookclasses`;
const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

let cluster: ControlPlane;

beforeAll(async () => {
  cluster = await startControlPlane();
  await kubectl('apply', '-f', path('crds'));
  await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s');
});
afterAll(() => cluster.stop());

/** Output of a kubectl command that must succeed. */
async function kubectl(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl(...args);
  expect(code, `kubectl ${args.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

interface Answer {
  readonly status: number;
  readonly object: Record<string, unknown>;
  readonly message: string;
}

/** One request, validated as strictly as kubectl asks for by default. */
async function send(method: string, url: string, body: object, dryRun = true): Promise<Answer> {
  const query = `?fieldValidation=Strict${dryRun ? '&dryRun=All' : ''}`;
  const response = await cluster.request(method, `${url}${query}`, body);
  const object = JSON.parse(response.body) as Record<string, unknown>;
  return { status: response.status, object, message: typeof object['message'] === 'string' ? object['message'] : '' };
}

const webhook = (spec: object, name = 'x') => ({
  apiVersion,
  kind: 'Webhook',
  metadata: { name, namespace: 'default' },
  spec,
});
const webhookClass = (spec: object, name = 'x') => ({ apiVersion, kind: 'WebhookClass', metadata: { name }, spec });

describe('the API server takes a Webhook with', () => {
  it.each(goodWebhooks)('$what, and so does the operator', async ({ spec }) => {
    const { status, object, message } = await send('POST', webhooks, webhook(spec));
    expect(message).toBe('');
    expect(status).toBe(201);
    expect(object['spec'], 'nothing was added or dropped').toEqual(spec);
    expect(parseWebhook(object)).toMatchObject({ valid: true, object: { spec } });
  });
});

describe('the API server refuses a Webhook with', () => {
  it.each(badWebhooks)('$what, and says so', async ({ spec, says }) => {
    const { status, message } = await send('POST', webhooks, webhook(spec));
    expect(message).toContain(says[0]);
    expect(message).toContain(says[1]);
    expect([400, 422]).toContain(status);
  });
});

describe('the API server takes a WebhookClass with', () => {
  it.each(goodClasses)('$what, with the defaults that the operator fills in', async ({ spec }) => {
    const { status, object, message } = await send('POST', classes, webhookClass(spec));
    expect(message).toBe('');
    expect(status).toBe(201);
    const metadata = { name: 'x', uid: 'u' };
    const parsed = parseWebhookClass({ ...webhookClass(spec), metadata });
    expect(parsed.valid && parsed.object.spec).toEqual(object['spec']);
  });
});

describe('the API server refuses a WebhookClass with', () => {
  it.each(badClasses)('$what, and says so', async ({ spec, says }) => {
    const { status, message } = await send('POST', classes, webhookClass(spec));
    expect(message).toContain(says[0]);
    expect(message).toContain(says[1]);
    expect([400, 422]).toContain(status);
  });
});

describe('the API server lets a change pass, or not:', () => {
  const spec = { url: 'https://a/', events: ['item.created'] };
  const ordered = (value: boolean) => ({ delivery: { ordered: value } });
  const classSpec = { source: { name: 'public' } };

  it.each([
    ['another URL and other events', spec, { url: 'https://b/', events: ['item.deleted'] }],
    ['another className', spec, { ...spec, className: 'other' }],
    [
      'delivery around an ordered that stays',
      { ...spec, ...ordered(true) },
      { ...spec, delivery: { ordered: true, concurrency: 2 } },
    ],
  ])('a Webhook with %s passes', async (what, before, after) => {
    expect(await change(webhooks, webhook(before, nameOf(what)), after)).toBe('');
  });

  it.each([
    ['ordered set', spec, { ...spec, ...ordered(true) }],
    ['ordered set to what it was by default', spec, { ...spec, ...ordered(false) }],
    ['ordered turned off', { ...spec, ...ordered(true) }, { ...spec, ...ordered(false) }],
    ['ordered removed', { ...spec, ...ordered(true) }, spec],
  ])('a Webhook with %s does not', async (what, before, after) => {
    expect(await change(webhooks, webhook(before, nameOf(what)), after)).toContain(
      'spec: Invalid value: delivery.ordered is immutable',
    );
  });

  it.each([
    ['source named', {}, classSpec],
    ['source changed', classSpec, { source: { name: 'other' } }],
    ['source removed', classSpec, {}],
  ])('a WebhookClass with its %s does not', async (what, before, after) => {
    expect(await change(classes, webhookClass(before, nameOf(what)), after)).toContain(
      'spec.source: Invalid value: source is immutable',
    );
  });

  it('a WebhookClass with another order does not, other settings do', async () => {
    const before = webhookClass({ ...classSpec, delivery: { concurrency: 1 } }, 'order');
    expect(await change(classes, before, { ...classSpec, delivery: { concurrency: 2 } })).toBe('');
    expect(await change(classes, before, { ...classSpec, delivery: { ordered: true } })).toContain(
      'delivery.ordered is immutable',
    );
  });

  const nameOf = (what: string) => what.toLowerCase().replaceAll(/[^a-z]+/g, '-');

  /** What the API server has against giving an object another spec; empty = nothing. */
  async function change(
    url: string,
    before: { readonly metadata: { readonly name: string } },
    spec: object,
  ): Promise<string> {
    const created = await send('POST', url, before, false);
    expect([201, 409], created.message).toContain(created.status);
    const current = await cluster.request('GET', `${url}/${before.metadata.name}`);
    const { message } = await send('PUT', `${url}/${before.metadata.name}`, {
      ...(JSON.parse(current.body) as object),
      spec,
    });
    return message;
  }
});

describe('kubectl', () => {
  it('applies CRDs and examples by one command where the CRDs are there already, again and again', async () => {
    await kubectl('apply', '-f', path('examples/classes'));
    for (const _ of [1, 2]) {
      const output = await kubectl('apply', '-f', path('crds'), '-f', path('examples'));
      expect(output).toContain('webhook.webhook-operator.dev/example ');
    }
    const standard = await kubectl('get', 'whc');
    expect(standard.split('\n')[0]?.split(/ {2,}/)).toEqual(['NAME', 'DEFAULT', 'VERIFICATION', 'DESCRIPTION', 'AGE']);
    expect(standard).toMatch(/^standard +true +Challenge +For receivers on the internet/m);
    expect(standard).toMatch(/^card-board +None +Raw JSON/m);
  });

  it('shows how a webhook is doing, and waits for it', async () => {
    const status = {
      observedGeneration: 1,
      className: 'local',
      source: 'default',
      consecutiveFailures: 4,
      lastStatusCode: 503,
      failingSince: '2026-01-02T03:04:05Z',
      lastFailure: {
        time: '2026-01-02T03:04:05Z',
        eventID: 'e-1',
        attempt: 2,
        statusCode: 503,
        reason: 'HTTPStatus',
        message: '503',
      },
      pending: { retrying: 1, backlog: 17, deadLettered: 0, lost: 0 },
      conditions: [
        {
          type: 'Active',
          status: 'True',
          reason: 'Delivering',
          message: 'events are being delivered',
          observedGeneration: 1,
          lastTransitionTime: '2026-01-02T03:04:05Z',
        },
      ],
    };
    await kubectl('patch', 'wh', 'example', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status }));
    const [header = '', row = ''] = (await kubectl('get', 'wh', 'example')).split('\n').map((line) => line.trim());
    expect(header.split(/ {2,}/)).toEqual([
      'NAME',
      'CLASS',
      'ACTIVE',
      'REASON',
      'FAILURES',
      'LAST CODE',
      'BACKLOG',
      'AGE',
    ]);
    expect(row.split(/ {2,}/).slice(0, 7)).toEqual(['example', 'local', 'True', 'Delivering', '4', '503', '17']);
    expect(await kubectl('get', 'webhooks', 'example', '-o', 'wide')).toMatch(
      / URL\n.* http:\/\/127\.0\.0\.1:8787\/hooks\n/,
    );
    await kubectl('wait', '--for=condition=Active', 'webhook/example', '--timeout=5s');
    expect(await kubectl('describe', 'wh', 'example')).toMatch(/Failing Since: +2026-01-02T03:04:05Z/);
  });

  it('keeps status out of reach of who only changes the object', async () => {
    await kubectl('patch', 'wh', 'example', '--type=merge', '-p', '{"status":{"consecutiveFailures":99}}');
    expect(await kubectl('get', 'wh', 'example', '-o', 'jsonpath={.status.consecutiveFailures}')).toBe('4');
  });

  it('explains the fields', async () => {
    const retry = await kubectl('explain', 'webhook.spec.delivery.retry');
    expect(retry.replaceAll(/\s+/g, ' ')).toContain(
      'schedule holds the delay before attempt 2, 3, and so on: durations like 5m',
    );
    expect(await kubectl('explain', 'whc.spec.admission.limits')).toContain('maxRetrySpan');
    expect(await kubectl('explain', 'wh.status.lastDisabled')).toContain('failingSince');
  });

  it('refuses a field that does not exist', async () => {
    const manifest = JSON.stringify(webhook({ url: 'https://a/', events: ['a'], retries: 3 }, 'typo'));
    await expect(cluster.apply(manifest)).rejects.toThrow('.spec.retries: field not declared in schema');
  });

  it('lists both kinds by their category, and one kind by its plural', async () => {
    expect(await kubectl('get', 'webhook-operator', '-o', 'name')).toContain(
      'webhookclass.webhook-operator.dev/standard',
    );
    expect(await kubectl('get', 'webhook-operator', '-o', 'name')).toContain('webhook.webhook-operator.dev/example');
    expect(await kubectl('get', 'webhooks', '-o', 'name')).not.toContain('webhookclass');
  });
});

describe('generate', () => {
  it('finds the committed CRDs up to date', () => {
    const output = execFileSync(process.execPath, [path('src/api/generate.ts'), '--check'], { encoding: 'utf8' });
    expect(output).toBe('');
    expect(readFileSync(path('crds/webhook-operator.dev_webhooks.yaml'), 'utf8')).toContain('Do not edit');
  });
});
