import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WebhookConfig } from '../../src/delivery/webhook-config.ts';
import type { WebhookLane } from '../../src/delivery/webhook-lane.ts';
import type { StoredMessage } from '../../src/jetstream/broker.ts';
import { eventSubject } from '../../src/jetstream/subjects.ts';
import {
  startEngineFixture,
  targetOf,
  until,
  type EngineFixture,
  type TestDelivery,
  type TestEngine,
} from '../delivery/engine-fixture.ts';
import { createAuthority } from '../receivers/certificates.ts';
import { startReceiver, type Behaviour, type Receiver, type Script } from '../receivers/receiver.ts';
import { readPage, tableRows } from './markdown.ts';

// docs/delivery.md says what happens for each behaviour of a receiver: here it is made to happen.

const columns = ['the receiver', 'outcome', 'reason', 'streak', 'next attempt', 'webhook'] as const;
const rows = tableRows(readPage('docs/delivery.md'), columns);

interface Scenario {
  /** What the shared receiver does; absent when another URL is asked. */
  readonly behaviour?: Behaviour | Script;
  readonly url?: () => string;
  readonly config?: Partial<WebhookConfig>;
  readonly delivery?: TestDelivery;
  readonly payloadFormat?: NonNullable<WebhookConfig['target']>['payloadFormat'];
  readonly body?: string;
  /** Attempts that the outcome takes. Defaults to 1. */
  readonly attempts?: number;
}

const respond = (status: number, headers: Readonly<Record<string, string>> = {}): Scenario => ({
  behaviour: { kind: 'respond', status, headers, body: 'said so' },
});
const soon = { scheduleMs: [200, 200, 200, 200], jitterPercent: 0, retryAfterMaxMs: 3_600_000 };
const lastOfTwo: Scenario = {
  behaviour: { kind: 'respond', status: 500 },
  delivery: { retry: { ...soon, scheduleMs: [200] } },
  attempts: 2,
};
const disable = {
  failingAfter: 0,
  warnAfter: 0,
  afterConsecutiveFailures: 500,
  minFailingDurationMs: 0,
  afterExhaustedEvents: 0,
  reactivateBy: ['Toggle'],
} as const;

let fixture: EngineFixture;
let engine: TestEngine;
let untrusted: Receiver;
let refusing: string;
let plainText: string;
const onEnd: (() => unknown)[] = [];

const scenarios: Readonly<Record<string, Scenario>> = {
  'answers 200': respond(200),
  'answers 204 without a body': { behaviour: { kind: 'respond', status: 204 } },
  'answers 200, and its body never ends': { behaviour: { kind: 'dripBody', intervalMs: 50 } },
  'answers 200, and cuts the connection within the body': { behaviour: { kind: 'resetInBody', bytes: 10 } },
  'answers 103 (an interim response), then 200': { behaviour: { kind: 'respond', informational: [103] } },
  'answers 301': respond(301, { location: 'http://127.0.0.1/elsewhere' }),
  'answers 307': respond(307, { location: 'http://127.0.0.1/elsewhere' }),
  'answers 400': respond(400),
  'answers 404': respond(404),
  'answers 500': respond(500),
  'answers 503': respond(503),
  'answers 503 with `Retry-After: 600`': respond(503, { 'retry-after': '600' }),
  'answers 429 with `Retry-After: 600`': respond(429, { 'retry-after': '600' }),
  'answers 429 with a date 600 seconds away in `Retry-After`': {
    behaviour: () => ({
      kind: 'respond',
      status: 429,
      headers: { 'retry-after': new Date(Date.now() + 600_000).toUTCString() },
    }),
  },
  'answers 429 with `Retry-After: 1`': respond(429, { 'retry-after': '1' }),
  'answers 429 with `Retry-After: 86400`': respond(429, { 'retry-after': '86400' }),
  'answers 429': respond(429),
  'answers 500 with `Retry-After: 600`': respond(500, { 'retry-after': '600' }),
  'answers 422, which a rule calls Reject': respond(422),
  'answers 410, which a rule calls Disable': respond(410),
  'answers 423, which a rule calls Disable': respond(423),
  'refuses the connection': { url: () => refusing },
  'closes the connection without an answer': { behaviour: { kind: 'closeWithoutAnswer' } },
  'resets the connection': { behaviour: { kind: 'reset' } },
  'never answers': { behaviour: { kind: 'hang' } },
  'sends its headers byte by byte and never ends them': { behaviour: { kind: 'dripHeaders', intervalMs: 50 } },
  'answers with something that is not HTTP': { behaviour: { kind: 'raw', bytes: '220 mail ready\r\n' } },
  'shows a certificate of an unknown authority': { url: () => untrusted.url },
  'speaks plain HTTP where the URL says https': { url: () => plainText },
  'has a name that does not resolve': { url: () => 'http://receiver.invalid/' },
  'has an address that the class does not allow': { url: () => 'http://10.0.0.1/' },
  'is not asked, because the event is no JSON and the format needs it': {
    behaviour: { kind: 'respond' },
    payloadFormat: 'Event',
    body: 'no JSON',
    attempts: 0,
  },
  'answers 500 to the first attempt and 200 to the second': {
    behaviour: ({ headers }) => ({ kind: 'respond', status: headers['webhook-attempt'] === '1' ? 500 : 200 }),
    delivery: { retry: soon },
    attempts: 2,
  },
  'answers 500 to the last attempt': lastOfTwo,
  'answers 500 to the last attempt, with `afterExhaustedEvents: 1`': {
    ...lastOfTwo,
    delivery: { ...lastOfTwo.delivery, disable: { ...disable, afterExhaustedEvents: 1 } },
  },
  'answers 500 for the third time, with `afterConsecutiveFailures: 3`': {
    behaviour: { kind: 'respond', status: 500 },
    delivery: { retry: soon, disable: { ...disable, afterConsecutiveFailures: 3 } },
    attempts: 3,
  },
  'is not asked, because the webhook is suspended': {
    behaviour: { kind: 'respond' },
    config: { suspend: true, hold: 'Suspended' },
    attempts: 0,
  },
};

beforeAll(async () => {
  fixture = await startEngineFixture((end) => onEnd.push(end as () => unknown));
  untrusted = await startReceiver({ tls: createAuthority().issue({ hosts: ['127.0.0.1'] }) });
  onEnd.push(() => untrusted.close());
  const plainServer = createServer((socket) => {
    socket.on('error', () => socket.destroy()).resume();
    socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
  });
  plainText = `https://127.0.0.1:${await listen(plainServer)}`;
  onEnd.push(() => close(plainServer));
  // A port that was free a moment ago.
  const closed = createServer();
  refusing = `http://127.0.0.1:${await listen(closed)}`;
  await close(closed);
  engine = await fixture.newEngine();
  await engine.start();
});

afterAll(async () => {
  await engine.stop();
  for (const end of onEnd.reverse()) await end();
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

interface Observed {
  readonly outcome: string;
  readonly reason: string;
  readonly streak: string;
  readonly next: string;
  readonly webhook: string;
}

/** Makes a webhook and an event for it; resolves with what came of it, in the words of the table. */
async function perform(index: number, scenario: Scenario): Promise<Observed> {
  const path = `/row-${index}`;
  if (scenario.behaviour !== undefined) fixture.receiver.answerPath(path, scenario.behaviour);
  const config = configOf(scenario, `row-${index}`, scenario.url?.() ?? `${fixture.receiver.url}${path}`);
  await engine.engine.upsert(config);
  await engine.verify(config);
  if (scenario.config !== undefined) await engine.engine.upsert({ ...config, ...scenario.config, generation: 2 });
  const lane = engine.engine.lane(config.uid);
  if (lane === undefined) throw new Error('the webhook has no lane');

  const id = await publish(config.source, scenario.body);
  const isDelivered = () => lane.lastSuccess?.eventID === id;
  const retry = () => onlyMessage('RETRIES', `retry.sched.*.${config.uid}.>`);
  const held = () => onlyMessage('BACKLOG', `backlog.*.${config.uid}`);
  const deadLetter = () => onlyMessage('DEADLETTERS', `dead.*.${config.uid}`);
  const attempts = scenario.attempts ?? 1;
  await until('an outcome', async () => {
    if (isDelivered() || (await held()) !== undefined || (await deadLetter()) !== undefined) return true;
    // A schedule before the last attempt of the scenario is no outcome, nor is the park of an attempt that takes long.
    return attempts === 1 && ((await retry())?.header('Webhook-Operator-Last-Reason') ?? '') !== '';
  });
  if (scenario.behaviour !== undefined) expect(attemptsAt(path)).toBe(attempts);

  const [waiting, stored, dead] = [await retry(), await held(), await deadLetter()];
  const { state } = lane;
  const outcome = isDelivered() ? 'delivered' : dead ? 'dead letter' : stored ? 'held' : 'retry';
  const failure = state.lastFailure?.eventID === id && !isDelivered() ? state.lastFailure : undefined;
  return {
    outcome,
    reason: failure === undefined ? '' : `\`${failure.reason}\``,
    streak: String(state.streak),
    next: waiting === undefined ? heldNext(stored) : retryNext(waiting, state.lastFailure?.at ?? 0),
    webhook: await webhookWords(config, lane, path),
  };
}

function configOf(scenario: Scenario, source: string, url: string): WebhookConfig {
  return fixture.config(
    { source, target: { ...targetOf(url), payloadFormat: scenario.payloadFormat ?? 'Raw' } },
    {
      timeouts: { connectMs: 1000, totalMs: 1500 },
      retry: { scheduleMs: [60_000], jitterPercent: 0, retryAfterMaxMs: 3_600_000 },
      responses: [
        { statusCodes: ['410', '423'], action: 'Disable' },
        { statusCodes: ['422'], action: 'Reject' },
      ],
      disable,
      ...scenario.delivery,
    },
  );
}

async function publish(source: string, body?: string): Promise<string> {
  const id = randomUUID();
  const data = Buffer.from(body ?? JSON.stringify({ id }));
  await fixture.broker.publish(eventSubject(source, 'item.created'), data, { messageID: id });
  return id;
}

const requestsTo = (path: string) => fixture.receiver.requests.filter((request) => request.path === path);
/** A request that met the end of an idle connection is sent again within its attempt. */
const attemptsAt = (path: string) => new Set(requestsTo(path).map(({ headers }) => headers['webhook-attempt'])).size;

async function webhookWords(config: WebhookConfig, lane: WebhookLane, path: string): Promise<string> {
  const { verdict } = lane.state;
  if (verdict !== undefined) return `disabled: \`${verdict.reason}\``;
  const inactive = lane.inactiveReason();
  if (inactive !== undefined) return inactive.toLowerCase();
  const [first] = requestsTo(path);
  if (first?.headers['webhook-attempt'] !== '1' || lane.state.lastFailure?.reason !== 'HTTPStatus') return 'active';
  // Another event tells an open lane from a paused one: it arrives at once, or late, or it is held.
  const id = await publish(config.source);
  const arrival = () => requestsTo(path).find(({ eventID }) => eventID === id);
  await until(
    'another event was sent or held',
    async () => arrival() !== undefined || (await fixture.count('BACKLOG', `backlog.*.${config.uid}`)) === 1,
  );
  const delay = (arrival()?.time ?? Number.POSITIVE_INFINITY) - first.time;
  return delay < 900 ? 'active' : 'paused';
}

async function onlyMessage(stream: string, filter: string): Promise<StoredMessage | undefined> {
  const { subjects = {} } = await fixture.broker.streamState(stream, filter);
  const [subject, ...more] = Object.keys(subjects);
  expect(more).toEqual([]);
  return subject === undefined ? undefined : fixture.broker.getLast(stream, subject);
}

function retryNext(message: StoredMessage, failedAt: number): string {
  const attempt = message.header('Webhook-Operator-Attempt');
  const due = Date.parse(message.header('Nats-Schedule').replace('@at ', ''));
  const seconds = (due - failedAt) / 1000;
  const after = { 'by the schedule': 60, 'after Retry-After': 600, 'after retryAfter.maxDelay': 3600 };
  const [words] = Object.entries(after).find(([, expected]) => Math.abs(seconds - expected) < 5) ?? [`in ${seconds} s`];
  return `${attempt}, ${words}`;
}

function heldNext(message: StoredMessage | undefined): string {
  if (message === undefined) return 'none';
  const by = message.header('Webhook-Operator-Held-By');
  if (by === 'Disable') return '1, when re-enabled';
  return `${message.header('Webhook-Operator-Attempt')}, ${by === 'Suspend' ? 'when resumed' : `held by ${by}`}`;
}

describe('docs/delivery.md', () => {
  test('each behaviour of its table is known here, and none is missing there', () => {
    expect(rows.map((row) => row['the receiver'])).toEqual(Object.keys(scenarios));
  });

  test.each(rows.map((row, index) => [row['the receiver'], row, index] as const))('%s', async (_, row, index) => {
    const scenario = scenarios[row['the receiver']];
    if (scenario === undefined) throw new Error('this behaviour is not known here');
    const observed = await perform(index, scenario);
    expect(observed).toEqual({
      outcome: row.outcome,
      reason: row.reason,
      streak: row.streak,
      next: row['next attempt'],
      webhook: row.webhook,
    });
  });
});
