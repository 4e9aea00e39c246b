import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';
import { TestClusterError } from './errors.ts';

// Below the ranges that Linux (32768–60999) and macOS (49152–65535) take outgoing ports from: a server that is stopped
// and started again on its port must not find a client's connection there.
const lowest = 20_000;
const highest = 32_000;

const handedOut = new Set<number>();

/** A port on 127.0.0.1 that nobody listens on. Never the same twice in one process. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = randomInt(lowest, highest);
    if (!handedOut.has(port) && (await isFree(port))) {
      handedOut.add(port);
      return port;
    }
  }
  throw new TestClusterError(`no free port between ${lowest} and ${highest} on 127.0.0.1`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
