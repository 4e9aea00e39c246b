import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../logger.ts';
import { Controller, TerminalError, type ControllerOptions, type Reconcile } from './controller.ts';
import { ManualClock, turn } from './testing/manual-clock.ts';
import { WorkQueue } from './work-queue.ts';

let clock: ManualClock;
let queue: WorkQueue;
let observed: string[];
let reconciled: string[];

beforeEach(() => {
  clock = new ManualClock();
  queue = new WorkQueue({ clock });
  observed = [];
  reconciled = [];
});

function start(reconcile: Reconcile, options: Partial<ControllerOptions> = {}): Controller {
  const controller = new Controller({
    name: 'webhook',
    queue,
    clock,
    reconcile: async (key, context) => {
      reconciled.push(key);
      return await reconcile(key, context);
    },
    observer: {
      reconciled: (result) => observed.push(result),
      terminalError: () => observed.push('terminal'),
      panicked: () => observed.push('panic'),
      timedOut: () => observed.push('timeout'),
      activeWorkersChanged: (active) => observed.push(`active ${active}`),
    },
    ...options,
  });
  controller.start();
  return controller;
}

describe('Controller', () => {
  it('reconciles each key, counts a success and forgets earlier failures', async () => {
    queue.addRateLimited('a');
    start(() => Promise.resolve());
    clock.advance(750);
    await turn();
    expect(reconciled).toEqual(['a']);
    expect(observed).toEqual(['active 1', 'success', 'active 0']);
    expect(queue.failuresOf('a')).toBe(0);
  });

  it('comes back after the time that the reconcile names, without backoff', async () => {
    start(() => Promise.resolve({ requeueAfterMs: 60_000 }));
    queue.add('a');
    await turn();
    expect(observed).toContain('requeue_after');
    expect(clock.nextTimerIn).toBe(60_000);
    await clock.advanceSteps(120_000, 60_000);
    expect(reconciled).toHaveLength(3);
  });

  it('comes back with backoff when asked to requeue without a time', async () => {
    start(() => Promise.resolve({ requeueAfterMs: 0 }));
    queue.add('a');
    await turn();
    expect(observed).toContain('requeue');
    expect(clock.nextTimerIn).toBe(750);
  });

  it('comes back with backoff after an error, with the priority that the key had', async () => {
    let failures = 2;
    start(async () => {
      failures -= 1;
      if (failures >= 0) throw new Error('no');
    });
    queue.add('a', 'low');
    await turn();
    expect(clock.nextTimerIn).toBe(750);
    await clock.advanceSteps(750, 750);
    expect(clock.nextTimerIn).toBe(1500);
    await clock.advanceSteps(1500, 1500);
    expect(observed.filter((each) => !each.startsWith('active'))).toEqual(['error', 'error', 'success']);
  });

  it('does not come back after a TerminalError', async () => {
    start(() => Promise.reject(new TerminalError('the spec is wrong')));
    queue.add('a');
    await turn();
    expect(observed).toEqual(['active 1', 'terminal', 'error', 'active 0']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('catches and counts defects, also those thrown before the first await, and goes on', async () => {
    const lines: unknown[] = [];
    const logger = {
      ...silentLogger,
      error: (message: string, fields?: object) => lines.push({ message, ...fields }),
      child: () => logger,
    };
    start(
      (key) => {
        if (key === 'a') throw new TypeError('undefined is not a function');
        return Promise.resolve();
      },
      { logger },
    );
    queue.add('a');
    queue.add('b');
    await turn();
    expect(observed).toEqual(['active 1', 'panic', 'error', 'active 0', 'active 1', 'success', 'active 0']);
    expect(lines).toMatchObject([{ message: 'Reconcile failed', reason: 'undefined is not a function' }]);
  });

  it('works on several keys at once, never on the same', async () => {
    const finish = new Map<string, () => void>();
    start((key) => new Promise((resolve) => finish.set(key, resolve)), { workers: 2 });
    for (const key of ['a', 'b', 'c']) queue.add(key);
    queue.add('a');
    await turn();
    queue.add('a');
    await turn();
    expect(reconciled).toEqual(['a', 'b']);
    finish.get('a')?.();
    await turn();
    expect(reconciled).toEqual(['a', 'b', 'c']);
    finish.get('b')?.();
    await turn();
    expect(reconciled).toEqual(['a', 'b', 'c', 'a']);
  });

  it('tells a reconcile that takes too long to stop', async () => {
    start(
      (_key, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('too long')));
        }),
      { timeoutMs: 5000 },
    );
    queue.add('a');
    await turn();
    await clock.advanceSteps(5000, 5000);
    expect(observed).toEqual(['active 1', 'timeout', 'error', 'active 0']);
  });

  it('finishes what runs and what waits when it is stopped', async () => {
    const finish: (() => void)[] = [];
    const controller = start(() => new Promise((resolve) => finish.push(resolve)));
    queue.add('a');
    queue.add('b');
    await turn();
    let stopped = false;
    const stopping = controller.stop().then(() => {
      stopped = true;
    });
    finish[0]?.();
    await turn();
    expect(stopped).toBe(false);
    finish[1]?.();
    await stopping;
    expect(reconciled).toEqual(['a', 'b']);
    expect(clock.pendingTimers).toBe(0);
  });
});
