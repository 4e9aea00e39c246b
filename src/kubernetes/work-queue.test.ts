import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, turn } from './testing/manual-clock.ts';
import { WorkQueue, type WorkItem } from './work-queue.ts';

let clock: ManualClock;
let queue: WorkQueue;
let observed: string[];

beforeEach(() => {
  clock = new ManualClock();
  observed = [];
  queue = new WorkQueue({
    clock,
    observer: {
      depthChanged: (priority, depth) => observed.push(`depth ${priority} ${depth}`),
      added: () => observed.push('added'),
      retried: () => observed.push('retried'),
      queueDuration: (seconds) => observed.push(`queued ${seconds}`),
      workDuration: (seconds) => observed.push(`worked ${seconds}`),
    },
  });
});

async function keys(): Promise<string[]> {
  const taken: string[] = [];
  while (queue.depth > 0) taken.push((await queue.get())?.key ?? 'none');
  return taken;
}

describe('WorkQueue', () => {
  it('hands keys out in the order in which they came', async () => {
    for (const key of ['a', 'b', 'c']) queue.add(key);
    expect(await keys()).toEqual(['a', 'b', 'c']);
  });

  it('de-duplicates keys that wait', async () => {
    queue.add('a');
    queue.add('a');
    expect(queue.depth).toBe(1);
    expect(observed).toEqual(['added', 'depth high 1']);
  });

  it('does not hand out a key that a worker has, and queues it again when that one is done', async () => {
    queue.add('a');
    await queue.get();
    queue.add('a');
    queue.add('a');
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(await keys()).toEqual(['a']);
    expect(observed.filter((each) => each === 'added')).toHaveLength(2);
  });

  it('does not queue a key again that was not added while in work', async () => {
    queue.add('a');
    await queue.get();
    queue.done('a');
    queue.done('a');
    expect(queue.depth).toBe(0);
  });

  it('gives a key to a worker that was waiting', async () => {
    const taken: (WorkItem | undefined)[] = [];
    void queue.get().then((item) => taken.push(item));
    void queue.get().then((item) => taken.push(item));
    queue.add('a', 'low');
    queue.add('b');
    await turn();
    expect(taken).toEqual([
      { key: 'a', priority: 'low' },
      { key: 'b', priority: 'high' },
    ]);
  });

  it('hands out high priority first and promotes a key that is added again with it', async () => {
    queue.add('low-1', 'low');
    queue.add('low-2', 'low');
    queue.add('high');
    queue.add('low-2', 'high');
    queue.add('high', 'low');
    expect(queue.depth).toBe(3);
    expect(await keys()).toEqual(['high', 'low-2', 'low-1']);
  });

  it('keeps the higher priority of a key that was added again while in work', async () => {
    queue.add('a', 'low');
    await queue.get();
    queue.add('a', 'high');
    queue.add('a', 'low');
    queue.done('a');
    expect(await queue.get()).toEqual({ key: 'a', priority: 'high' });
  });

  it('adds later, at the earliest of several times', async () => {
    queue.addAfter('a', 5000);
    queue.addAfter('a', 3000);
    queue.addAfter('a', 9000);
    clock.advance(2999);
    expect(queue.depth).toBe(0);
    clock.advance(1);
    expect(await keys()).toEqual(['a']);
    queue.done('a');
    clock.advance(10_000);
    expect(queue.depth).toBe(0);
  });

  it('adds at once when the delay is not positive', () => {
    queue.addAfter('a', 0);
    expect(queue.depth).toBe(1);
  });

  it('forgets a delay when the key is added before', async () => {
    queue.addAfter('a', 1000);
    queue.add('a');
    queue.addAfter('a', 500);
    expect(clock.pendingTimers).toBe(0);
    await queue.get();
    queue.add('a');
    queue.addAfter('a', 500);
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps the highest priority of a delayed key', async () => {
    queue.addAfter('a', 1000, 'low');
    queue.addAfter('a', 2000, 'high');
    clock.advance(1000);
    expect(await queue.get()).toEqual({ key: 'a', priority: 'high' });
  });

  it('delays failures from 750 ms up to 15 minutes, and from the start again once forgotten', async () => {
    const delays: (number | undefined)[] = [];
    for (let index = 0; index < 13; index += 1) {
      queue.addRateLimited('a');
      delays.push(clock.nextTimerIn);
      clock.advance(clock.nextTimerIn ?? 0);
      await queue.get();
      queue.done('a');
    }
    expect(delays.slice(0, 4)).toEqual([750, 1500, 3000, 6000]);
    expect(delays.slice(10)).toEqual([768_000, 900_000, 900_000]);
    expect(queue.failuresOf('a')).toBe(13);
    queue.forget('a');
    expect(queue.failuresOf('a')).toBe(0);
    queue.addRateLimited('a');
    expect(clock.nextTimerIn).toBe(750);
  });

  it('counts, and measures waiting and work', async () => {
    queue.add('a');
    clock.advance(2000);
    await queue.get();
    clock.advance(3000);
    queue.add('b');
    await queue.get();
    clock.advance(1000);
    expect(queue.unfinishedWorkSeconds()).toBe(5);
    expect(queue.longestRunningSeconds()).toBe(4);
    queue.done('a');
    queue.addRateLimited('a');
    expect(observed).toEqual([
      'added',
      'depth high 1',
      'depth high 0',
      'queued 2',
      'added',
      'depth high 1',
      'depth high 0',
      'queued 0',
      'worked 4',
      'retried',
    ]);
    queue.done('b');
    expect(queue.longestRunningSeconds()).toBe(0);
  });
});

describe('WorkQueue.shutDown', () => {
  it('hands out what waits, then undefined to everybody', async () => {
    queue.add('a');
    queue.add('b');
    queue.shutDown();
    queue.add('c');
    queue.addAfter('c', 1);
    expect(await keys()).toEqual(['a', 'b']);
    expect(await queue.get()).toBeUndefined();
  });

  it('releases workers that wait, and drops delays', async () => {
    const waiting = queue.get();
    queue.addAfter('a', 1000);
    queue.shutDown();
    expect(await waiting).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it('drains: it resolves when the last key is done, also one that was added again', async () => {
    queue.add('a');
    await queue.get();
    queue.add('a');
    let drained = false;
    const draining = queue.shutDownWithDrain().then(() => {
      drained = true;
    });
    queue.done('a');
    await turn();
    expect(drained).toBe(false);
    expect(await queue.get()).toMatchObject({ key: 'a' });
    const idle = queue.get();
    queue.done('a');
    await draining;
    expect(await idle).toBeUndefined();
  });
});

describe('WorkQueue under any order of calls', () => {
  it('never hands a key to two workers and loses none', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd');
    const step = fc.oneof(
      fc.record({ type: fc.constant('add' as const), key, priority: fc.constantFrom('high' as const, 'low' as const) }),
      fc.record({ type: fc.constant('later' as const), key, delayMs: fc.integer({ min: -5, max: 50 }) }),
      fc.record({ type: fc.constant('get' as const) }),
      fc.record({ type: fc.constant('done' as const), key }),
      fc.record({ type: fc.constant('advance' as const), ms: fc.nat(60) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const clock = new ManualClock();
        const queue = new WorkQueue({ clock });
        const inWork = new Set<string>();
        const owed = new Set<string>();
        const take = async (): Promise<void> => {
          const item = await queue.get();
          expect(inWork.has(item?.key ?? '')).toBe(false);
          inWork.add(item?.key ?? '');
          owed.delete(item?.key ?? '');
        };
        for (const each of steps) {
          if (each.type === 'add') queue.add(each.key, each.priority);
          if (each.type === 'later') queue.addAfter(each.key, each.delayMs);
          if (each.type === 'add' || each.type === 'later') owed.add(each.key);
          if (each.type === 'get' && queue.depth > 0) await take();
          if (each.type === 'done' && inWork.delete(each.key)) queue.done(each.key);
          if (each.type === 'advance') clock.advance(each.ms);
        }
        clock.advance(100);
        for (const each of inWork) queue.done(each);
        inWork.clear();
        while (queue.depth > 0) await take();
        expect([...owed]).toEqual([]);
      }),
    );
  });

  it('stays fast with a hundred thousand keys', async () => {
    for (let index = 0; index < 100_000; index += 1) queue.add(`key-${index}`, 'low');
    observed.length = 0;
    const startedAt = performance.now();
    for (let index = 0; index < 100_000; index += 1) queue.done((await queue.get())?.key ?? '');
    expect(queue.depth).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });
});
