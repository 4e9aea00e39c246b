/** The receiver of both sides: a bare socket server that counts, in a process of its own. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { serve } from './child.ts';
import { sharedMicros } from './machine.ts';
import { stampOf } from './payload.ts';
import { RequestScanner } from './request-scanner.ts';
import { percentile } from './statistics.ts';

/** How a measurement is going. Times of the shared clock in µs, 0 = not yet. */
export interface Progress {
  readonly count: number;
  /** When the last arrival of the warm-up was counted. */
  readonly warmAt: number;
  readonly lastAt: number;
}

/** What has not arrived is infinitely late. */
export interface Latencies {
  readonly p50Micros: number;
  readonly p99Micros: number;
}

const answer = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
/** Second byte of the key in `{"challenge":…}`; events begin with `{"t":`. */
const letterC = 'c'.charCodeAt(0);

let count = 0;
let expected = 0;
let warmUp = 0;
let warmAt = 0;
let lastAt = 0;
let latencies: Float64Array | undefined;

const server = createServer({ noDelay: true }, (socket) => {
  const scanner = new RequestScanner((bytes, start, end) => received(socket, bytes, start, end));
  socket.on('data', (chunk) => scanner.push(chunk));
  socket.on('error', () => socket.destroy());
});

function received(socket: Socket, bytes: Buffer, start: number, end: number): void {
  if (bytes[start + 2] === letterC) {
    const body = bytes.toString('latin1', start, end);
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    return;
  }
  socket.write(answer);
  if (latencies !== undefined && count < latencies.length) latencies[count] = sharedMicros() - stampOf(bytes, start);
  count += 1;
  if (count === warmUp) warmAt = sharedMicros();
  // While it runs, the clock is read once in a while only: what is told of the last arrival is exact for the expected one.
  if (count === expected || (count & 63) === 0) lastAt = sharedMicros();
}

const commands = {
  listen: () =>
    new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', 4096, () => resolve((server.address() as AddressInfo).port));
    }),
  /** Begins to count anew. `warmUp` = arrivals before the measured ones. */
  begin: (plan: { readonly expected: number; readonly warmUp: number; readonly latency: boolean }) => {
    count = 0;
    warmAt = plan.warmUp === 0 ? sharedMicros() : 0;
    lastAt = 0;
    ({ expected, warmUp } = plan);
    latencies = plan.latency ? new Float64Array(expected).fill(Infinity) : undefined;
  },
  progress: (): Progress => ({ count, warmAt, lastAt }),
  latencies: (): Latencies => {
    const values = (latencies ?? new Float64Array(0)).toSorted();
    return { p50Micros: percentile(values, 0.5), p99Micros: percentile(values, 0.99) };
  },
};
export type ReceiverCommands = typeof commands;

serve(commands);
