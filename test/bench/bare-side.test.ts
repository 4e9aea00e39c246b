import { connect } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { startNats } from '../cluster/nats.ts';
import type { BareLoopCommands } from './bare-loop-process.ts';
import { startChild } from './child.ts';
import { measureFanOut, measureLatency, measureThroughput } from './measure.ts';
import type { PublisherCommands } from './publisher-process.ts';
import type { ReceiverCommands } from './receiver-process.ts';
import { bareSide } from './side.ts';

test.each([
  ['to one', false],
  ['to all', true],
])('the bare loop delivers every event %s, and is measured', async (_, fanOut) => {
  const server = await startNats();
  const nats = await connect({ servers: server.url });
  const receiver = startChild<ReceiverCommands>('receiver-process.ts');
  const publisher = startChild<PublisherCommands>('publisher-process.ts');
  const loop = startChild<BareLoopCommands>('bare-loop-process.ts');
  try {
    const port = await receiver.call('listen', undefined);
    await publisher.call('connect', { url: server.url });
    const cell = { name: 'x', webhooks: 5, namespaces: 1, fanOut };
    const receiverUrl = `http://127.0.0.1:${port}`;
    const side = await bareSide(nats, { loop, cell, natsUrl: server.url, receiverUrl, secret: 'key', inFlight: 8 });
    const bench = { receiver, publisher, others: { NATS: server.pid() } };

    const throughput = fanOut ? await measureFanOut(bench, side, 10) : await measureThroughput(bench, side, 2000);
    expect(throughput.missing).toBe(0);
    expect(throughput.deliveriesPerSecond).toBeGreaterThan(0);
    expect(throughput.untilMicros).toBeGreaterThan(throughput.fromMicros);
    expect(Object.keys(throughput.cpuMicros)).toEqual(['self', 'receiver', 'publisher', 'NATS']);
    if (!fanOut) {
      const { p50Micros, p99Micros } = await measureLatency(bench, side, { rate: 200, seconds: 1 });
      expect(p50Micros).toBeGreaterThan(0);
      expect(p99Micros).toBeGreaterThanOrEqual(p50Micros);
      expect(p99Micros).toBeLessThan(10e6);
    }
    expect(await loop.call('failures', undefined)).toBe(0);
  } finally {
    await Promise.all([receiver.stop(), publisher.stop(), loop.stop(), nats.close()]);
    await server.stop();
  }
});
