import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import { silentLogger } from '../logger.ts';
import { onStopSignal, shutDown, type ShutdownStep } from './shutdown.ts';

/** A clock whose timers fire by hand, the earliest first. */
function manualClock() {
  let time = 0;
  const timers = new Map<object, { at: number; callback: () => void }>();
  const clock: Clock = {
    now: () => time,
    monotonic: () => time,
    setTimer: (callback, delayMs) => {
      const timer = {};
      timers.set(timer, { at: time + delayMs, callback });
      return timer;
    },
    clearTimer: (timer) => void timers.delete(timer as object),
    defer: (callback) => void setImmediate(callback),
  };
  const fireNext = () => {
    const [timer, next] = [...timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
    if (timer === undefined || next === undefined) throw new Error('no timer is pending');
    timers.delete(timer);
    time = next.at;
    next.callback();
  };
  return { clock, fireNext, pending: () => timers.size };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('shutDown', () => {
  it('runs the steps one after the other in their order', async () => {
    const seen: string[] = [];
    const step = (name: string): ShutdownStep => ({
      name,
      run: async () => {
        seen.push(`${name} begins`);
        await turn();
        seen.push(`${name} ends`);
      },
    });
    const { clock, pending } = manualClock();
    const steps = [step('readiness'), step('intake'), step('leases')];
    expect(await shutDown({ steps, timeoutMs: 1000, clock, logger: silentLogger })).toBe(true);
    expect(seen.filter((line) => line.endsWith('ends'))).toEqual(['readiness ends', 'intake ends', 'leases ends']);
    expect(seen.indexOf('intake begins')).toBeGreaterThan(seen.indexOf('readiness ends'));
    expect(pending()).toBe(0);
  });

  it('goes on after a step that fails, and says that the stop was not clean', async () => {
    const seen: string[] = [];
    const steps: ShutdownStep[] = [
      { name: 'throws', run: () => Promise.reject(new Error('no')) },
      {
        name: 'throws at once',
        run: () => {
          throw new Error('no');
        },
      },
      { name: 'last', run: () => void seen.push('last') },
    ];
    expect(await shutDown({ steps, timeoutMs: 1000, clock: manualClock().clock, logger: silentLogger })).toBe(false);
    expect(seen).toEqual(['last']);
  });

  it('leaves a step that overruns, aborts its signal, and still gives the next ones a second each', async () => {
    const { clock, fireNext } = manualClock();
    let aborted = false;
    const hanging = (signal: AbortSignal) =>
      new Promise<void>(() => {
        signal.addEventListener('abort', () => (aborted = true));
      });
    let released = false;
    const steps: ShutdownStep[] = [
      { name: 'drain', run: hanging },
      { name: 'second hanging', run: hanging },
      { name: 'release', run: () => void (released = true) },
    ];
    const done = shutDown({ steps, timeoutMs: 30_000, clock, logger: silentLogger });
    await turn();
    fireNext();
    expect(clock.monotonic()).toBe(30_000);
    expect(aborted).toBe(true);
    await turn();
    fireNext();
    expect(clock.monotonic()).toBe(31_000);
    expect(await done).toBe(false);
    expect(released).toBe(true);
  });
});

describe('onStopSignal', () => {
  it('tells the first signal from the second, whichever they are', () => {
    const source = new EventEmitter();
    const calls: string[] = [];
    const remove = onStopSignal(
      source,
      (signal) => calls.push(`first ${signal}`),
      (signal) => calls.push(`second ${signal}`),
    );
    source.emit('SIGTERM');
    source.emit('SIGINT');
    source.emit('SIGTERM');
    remove();
    expect(calls).toEqual(['first SIGTERM', 'second SIGINT', 'second SIGTERM']);
    expect(source.listenerCount('SIGTERM') + source.listenerCount('SIGINT')).toBe(0);
  });
});
