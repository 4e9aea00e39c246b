import type { Dispatcher } from 'undici';
import { expect, test } from 'vitest';
import { ManualClock } from '../kubernetes/testing/manual-clock.ts';
import type { AgentPool } from '../net/agents.ts';
import type { OutgoingRequest, RequestResult, Sender } from './attempt.ts';
import { createHTTPSender } from './http-sender.ts';

// Deadlines on a clock that stands still, with undici's side of a request played by hand.

interface Dispatched {
  readonly handler: Dispatcher.DispatchHandler;
  readonly controller: Dispatcher.DispatchController;
  aborted: boolean;
}

function setUp(): { readonly clock: ManualClock; readonly dispatched: Dispatched[]; readonly sender: Sender } {
  const clock = new ManualClock();
  const dispatched: Dispatched[] = [];
  const dispatch: Dispatcher.Dispatch = (_, handler) => {
    const entry: Dispatched = {
      handler,
      aborted: false,
      controller: {
        aborted: false,
        paused: false,
        reason: null,
        pause: () => undefined,
        resume: () => undefined,
        abort: (reason: Error) => {
          entry.aborted = true;
          handler.onResponseError?.(entry.controller, reason);
        },
      },
    };
    dispatched.push(entry);
    return true;
  };
  const agents: AgentPool = { get: () => ({ dispatch }) as Dispatcher, size: 1, close: () => Promise.resolve() };
  return { clock, dispatched, sender: createHTTPSender({ agents, clock }) };
}

const request: OutgoingRequest = {
  method: 'POST',
  url: 'https://crm.example.com/',
  headers: [],
  body: undefined,
  connectTimeoutMs: 5000,
  totalTimeoutMs: 15_000,
  allowedCIDRs: [],
};

function only(dispatched: readonly Dispatched[]): Dispatched {
  const [entry] = dispatched;
  if (entry === undefined || dispatched.length !== 1) throw new Error(`${dispatched.length} requests were dispatched`);
  return entry;
}

/** The result, or undefined while there is none. */
async function soon(result: Promise<RequestResult>): Promise<RequestResult | undefined> {
  return Promise.race([result, new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)))]);
}

test('a request that is not connected ends with its connect timeout, at most 50 ms late', async () => {
  const { clock, dispatched, sender } = setUp();
  const result = sender.send(request);
  clock.advance(4999);
  expect(await soon(result)).toBeUndefined();
  clock.advance(51);
  expect(await soon(result)).toMatchObject({ kind: 'Error', reason: 'Timeout' });
  const { handler, controller } = only(dispatched);
  expect(() => handler.onRequestStart?.(controller, null)).toThrow('abandoned');
  expect(clock.pendingTimers).toBe(0);
});

test('a connected one ends with the total timeout, and its connection with it', async () => {
  const { clock, dispatched, sender } = setUp();
  const result = sender.send(request);
  const entry = only(dispatched);
  clock.advance(4000);
  entry.handler.onRequestStart?.(entry.controller, null);
  clock.advance(10_999);
  expect(await soon(result)).toBeUndefined();
  expect(entry.aborted).toBe(false);
  clock.advance(51);
  expect(await soon(result)).toMatchObject({ reason: 'Timeout', message: expect.stringContaining('within 15 s') });
  expect(entry.aborted).toBe(true);
});

test('a total timeout below the connect timeout counts for connecting too', async () => {
  const { clock, sender } = setUp();
  const result = sender.send({ ...request, totalTimeoutMs: 1000 });
  clock.advance(1050);
  expect(await soon(result)).toMatchObject({ reason: 'Timeout', message: expect.stringContaining('within 1 s') });
});

test('no timer runs while nothing is in flight, and one for all that is', async () => {
  const { clock, dispatched, sender } = setUp();
  expect(clock.pendingTimers).toBe(0);
  const results = Array.from({ length: 100 }, () => sender.send(request));
  expect(clock.pendingTimers).toBe(1);
  for (const { handler, controller } of dispatched) {
    handler.onRequestStart?.(controller, null);
    handler.onResponseStart?.(controller, 200, {});
    handler.onResponseEnd?.(controller, {});
  }
  await Promise.all(results);
  clock.advance(50);
  expect(clock.pendingTimers).toBe(0);
});

test('the rest of an unwanted body is read for a second at most', async () => {
  const { clock, dispatched, sender } = setUp();
  const result = sender.send(request);
  const entry = only(dispatched);
  entry.handler.onRequestStart?.(entry.controller, null);
  entry.handler.onResponseStart?.(entry.controller, 200, {});
  expect(await soon(result)).toMatchObject({ statusCode: 200 });
  clock.advance(950);
  expect(entry.aborted).toBe(false);
  clock.advance(100);
  expect(entry.aborted).toBe(true);
});

test('of at most 256 bodies at the same time; above that connections are cut at once', async () => {
  const { dispatched, sender } = setUp();
  const results = Array.from({ length: 258 }, () => sender.send(request));
  const start = ({ handler, controller }: Dispatched): void => {
    handler.onRequestStart?.(controller, null);
    handler.onResponseStart?.(controller, 200, {});
  };
  dispatched.slice(0, 257).forEach(start);
  expect(dispatched.filter(({ aborted }) => aborted)).toEqual([dispatched[256]]);
  // One that ends makes room for the next.
  dispatched[0]?.handler.onResponseEnd?.(dispatched[0].controller, {});
  dispatched.slice(257).forEach(start);
  expect(dispatched[257]?.aborted).toBe(false);
  for (const result of await Promise.all(results)) expect(result).toMatchObject({ statusCode: 200 });
});

test('an agent that throws is a result like any other fault', async () => {
  const agents: AgentPool = {
    get: () => {
      throw new Error('secret');
    },
    size: 0,
    close: () => Promise.resolve(),
  };
  const result = await createHTTPSender({ agents, clock: new ManualClock() }).send(request);
  expect(result).toMatchObject({ kind: 'Error', reason: 'ConnectionFailed' });
  expect(JSON.stringify(result)).not.toContain('secret');
});
