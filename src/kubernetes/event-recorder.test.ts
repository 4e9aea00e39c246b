import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubeClient, type KubeClient } from './client.ts';
import { EventRecorder } from './event-recorder.ts';
import type { EventInput } from './event-series.ts';
import { answer, FakeApiServer, statusObject } from './testing/fake-api-server.ts';
import { eventually, ManualClock } from './testing/manual-clock.ts';
import { trackCalls, type TrackedClient } from './testing/tracked-client.ts';

let server: FakeApiServer;
let clock: ManualClock;
let client: KubeClient;
let tracked: TrackedClient;
let recorder: EventRecorder;
let dropped: string[];

beforeEach(async () => {
  server = await FakeApiServer.start();
  clock = new ManualClock();
  tracked = trackCalls(createKubeClient({ credentials: server.credentials, clock }));
  client = tracked.client;
  dropped = [];
  recorder = new EventRecorder({
    client,
    clock,
    controller: 'webhook-operator.dev/operator',
    instance: 'test',
    random: () => 0.5,
    observer: { dropped: (reason) => dropped.push(reason) },
  });
});

afterEach(async () => {
  await recorder.stop();
  client.close();
  await server.stop();
});

function happened(reason: string, note = ''): EventInput {
  const regarding = { apiVersion: 'webhook-operator.dev/v1alpha1', kind: 'Webhook', namespace: 'a', name: 'crm' };
  return { regarding, type: 'Normal', reason, action: 'Deliver', note };
}

async function requests(count: number): Promise<void> {
  await eventually(() => server.requests.length >= count, { what: `${count} requests` });
  await tracked.idle();
}

function body(index: number): { reason?: string; series?: { count: number } } {
  return JSON.parse(server.requests[index]?.body ?? '') as { reason?: string; series?: { count: number } };
}

describe('EventRecorder', () => {
  it('writes events in their order, those from before the start too', async () => {
    recorder.record(happened('Verified'));
    recorder.start();
    recorder.record(happened('Disabled'));
    await requests(2);
    expect(server.requests.map((request) => `${request.method} ${request.path}`)).toEqual([
      'POST /apis/events.k8s.io/v1/namespaces/a/events',
      'POST /apis/events.k8s.io/v1/namespaces/a/events',
    ]);
    expect([body(0).reason, body(1).reason]).toEqual(['Verified', 'Disabled']);
  });

  it('patches the series on the second occurrence, then every 30 minutes, then when it is over', async () => {
    recorder.start();
    for (let index = 0; index < 10; index += 1) {
      recorder.record(happened('Failing'));
      await requests(Math.min(index + 1, 2));
    }
    expect(server.requests).toHaveLength(2);
    expect(server.requests[1]).toMatchObject({ method: 'PATCH' });
    expect(body(1)).toMatchObject({ series: { count: 2 } });
    for (let minute = 0; minute < 30; minute += 5) {
      clock.advance(300_000);
      recorder.record(happened('Failing'));
    }
    await requests(3);
    expect(body(2)).toMatchObject({ series: { count: 16 } });
    clock.advance(720_000);
    await requests(4);
    expect(body(3)).toMatchObject({ series: { count: 16 } });
    clock.advance(7_200_000);
    expect(server.requests).toHaveLength(4);
  });

  it('makes the Event anew when it is gone before its series is over', async () => {
    recorder.start();
    recorder.record(happened('Failing'));
    await requests(1);
    const [request] = server.requests;
    server.store.remove(
      `${request?.path}/${(JSON.parse(request?.body ?? '') as never as { metadata: { name: string } }).metadata.name}`,
    );
    recorder.record(happened('Failing'));
    await requests(3);
    expect(server.requests[2]?.method).toBe('POST');
    expect(body(2)).toMatchObject({ series: { count: 2 } });
  });

  it('tries 12 times, 10 s apart, and goes on with the next', async () => {
    recorder.start();
    await server.stop();
    recorder.record(happened('Lost'));
    for (let tries = 1; tries < 12; tries += 1) {
      await eventually(() => clock.nextTimerIn === 10_000 && dropped.length === 0, { what: `try ${tries}` });
      clock.advance(10_000);
    }
    await eventually(() => dropped.length === 1);
    expect(dropped).toEqual(['TriesExhausted']);
    await server.listen();
    recorder.record(happened('Next'));
    await requests(1);
    expect(body(0).reason).toBe('Next');
  });

  it('takes an Event that exists already as written: the answer to an earlier try was lost', async () => {
    server.intercept = (request, response) => {
      server.intercept = undefined;
      server.store.handle(request);
      response.destroy();
      return true;
    };
    recorder.start();
    recorder.record(happened('Verified'));
    await requests(1);
    await eventually(() => server.requests.length === 2, { eachTurn: () => clock.advance(500) });
    expect(dropped).toEqual([]);
  });

  it('drops what the server refuses, at once', async () => {
    server.intercept = (_request, response) => {
      answer(response, { status: 403, body: statusObject(403, 'Forbidden', 'namespace is being terminated') });
      return true;
    };
    recorder.start();
    recorder.record(happened('Verified'));
    await eventually(() => dropped.length === 1);
    expect(dropped).toEqual(['Refused']);
    expect(server.requests).toHaveLength(1);
  });

  it('holds 1000 events and drops the rest', () => {
    for (let index = 0; index < 1003; index += 1) recorder.record(happened(`Reason${index}`));
    expect(dropped).toEqual(['QueueFull', 'QueueFull', 'QueueFull']);
  });

  it('writes what waits when it is stopped, and takes nothing more', async () => {
    recorder.start();
    for (let index = 0; index < 20; index += 1) recorder.record(happened(`Reason${index}`));
    await recorder.stop();
    recorder.record(happened('TooLate'));
    expect(server.requests).toHaveLength(20);
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not hold up the stop when the API server is away', async () => {
    await server.stop();
    recorder.start();
    for (let index = 0; index < 20; index += 1) recorder.record(happened(`Reason${index}`));
    await eventually(() => clock.nextTimerIn === 10_000);
    await recorder.stop();
    expect(dropped).toEqual(['TriesExhausted']);
  });
});
