import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';

export interface ShutdownStep {
  readonly name: string;
  /** `signal` aborts when the step's time is over; nobody waits for the step after that. */
  run(signal: AbortSignal): Promise<void> | void;
}

export interface ShutdownOptions {
  readonly steps: readonly ShutdownStep[];
  /** Time for all steps together, in milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What each step still gets when the time is over: enough to release a Lease, short enough for the grace period. */
const minimumStepMs = 1000;

/**
 * Runs the steps one after the other: readiness off, stop intake, finish what is in flight, servers, Leases. A step
 * that fails or overruns is logged and does not keep the next ones from running. Resolves to true when every step ended
 * well and in time.
 */
export async function shutDown(options: ShutdownOptions): Promise<boolean> {
  const { clock, logger } = options;
  const begin = clock.monotonic();
  let clean = true;
  for (const step of options.steps) {
    const left = options.timeoutMs - (clock.monotonic() - begin);
    const stepBegin = clock.monotonic();
    const outcome = await runStep(step, Math.max(left, minimumStepMs), clock);
    const fields = { step: step.name, durationMs: Math.round(clock.monotonic() - stepBegin) };
    if (outcome === undefined) {
      logger.info('Shutdown step finished', fields);
    } else {
      clean = false;
      logger.error('Shutdown step failed', { ...fields, error: outcome });
    }
  }
  return clean;
}

/** Undefined when the step ended well, else why not. */
async function runStep(step: ShutdownStep, timeoutMs: number, clock: Clock): Promise<string | undefined> {
  const abort = new AbortController();
  const overrun = Promise.withResolvers<string>();
  const timer = clock.setTimer(() => {
    abort.abort();
    overrun.resolve(`not finished after ${Math.round(timeoutMs)} ms`);
  }, timeoutMs);
  const run = async (): Promise<string | undefined> => {
    try {
      await step.run(abort.signal);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  };
  const outcome = await Promise.race([run(), overrun.promise]);
  clock.clearTimer(timer);
  return outcome;
}

/** The part of `process` that is needed here. */
export interface SignalSource {
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
  off(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
}

/**
 * Calls `onFirst` at the first SIGTERM or SIGINT and `onSecond` at the next one: who sends two wants the process gone
 * at once. Returns a function that takes the listeners away.
 */
export function onStopSignal(
  source: SignalSource,
  onFirst: (signal: string) => void,
  onSecond: (signal: string) => void,
): () => void {
  let seen = false;
  const listenerOf = (signal: string) => () => {
    if (seen) return onSecond(signal);
    seen = true;
    return onFirst(signal);
  };
  const onTerminate = listenerOf('SIGTERM');
  const onInterrupt = listenerOf('SIGINT');
  source.on('SIGTERM', onTerminate);
  source.on('SIGINT', onInterrupt);
  return () => {
    source.off('SIGTERM', onTerminate);
    source.off('SIGINT', onInterrupt);
  };
}
