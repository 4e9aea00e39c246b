import type { KubeClient } from '../client.ts';

/** A client that knows whether calls are running, so that a test moves its clock only when none is. */
export interface TrackedClient {
  readonly client: KubeClient;
  /** Resolves when nothing runs and what had been waiting for it has gone on. */
  idle(): Promise<void>;
}

export function trackCalls(inner: KubeClient): TrackedClient {
  let running = 0;
  const countDown = async (call: Promise<unknown>): Promise<void> => {
    await Promise.allSettled([call]);
    running -= 1;
  };
  const client = new Proxy(inner, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const result: unknown = Reflect.apply(value, target, args);
        if (result instanceof Promise) {
          running += 1;
          void countDown(result);
        }
        return result;
      };
    },
  });
  return {
    client,
    idle: async () => {
      for (let quietTurns = 0; quietTurns < 3; quietTurns = running === 0 ? quietTurns + 1 : 0) {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
    },
  };
}
