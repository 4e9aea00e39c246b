import { lookup as systemLookup, type LookupAddress } from 'node:dns';

/** Every address of a host name, in the resolver's order. */
export type HostLookup = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void,
) => void;

const resolveAll: HostLookup = (hostname, callback) => {
  systemLookup(hostname, { all: true }, callback);
};

/**
 * The system's resolver (hosts file and search domains included), asked once for all who wait for the same name: it works
 * in libuv's thread pool (4 threads by default), where many connections to one name whose name server hangs would
 * otherwise keep every other name waiting. Answers are not kept after that.
 */
export function sharedLookup(resolve: HostLookup = resolveAll): HostLookup {
  const waiting = new Map<string, Parameters<HostLookup>[1][]>();
  return (hostname, callback) => {
    const others = waiting.get(hostname);
    if (others !== undefined) {
      others.push(callback);
      return;
    }
    const callbacks = [callback];
    waiting.set(hostname, callbacks);
    resolve(hostname, (error, addresses) => {
      waiting.delete(hostname);
      for (const waiter of callbacks) waiter(error, addresses);
    });
  };
}
