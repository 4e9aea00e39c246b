import { expect, test, vi } from 'vitest';
import { generationGroup, slotConsumerSpecs, takeOver } from '../../src/jetstream/slot-consumers.ts';
import { ensureStreams } from '../../src/jetstream/streams.ts';
import { defaultStreamNames as names } from '../../src/jetstream/subjects.ts';
import { partitionOf } from '../../src/delivery/partition.ts';
import { startNatsCluster } from '../cluster/nats.ts';
import { brokerOn, bytes, connect, streamOptions, text } from './fixture.ts';

test('with three replicas, publishing and consuming go on after the leader was killed', async ({ onTestFinished }) => {
  const cluster = await startNatsCluster(3);
  onTestFinished(() => cluster.stop());
  const link = await connect(cluster, { servers: cluster.url.split(',') });
  onTestFinished(() => link.close());
  const broker = brokerOn(link);
  await ensureStreams(broker.api, { ...streamOptions, replicas: 3 });
  const partition = partitionOf('team-a', 4);
  const { events: spec } = slotConsumerSpecs({ names, slot: 0, partition, generation: 1, startSequence: 1 });
  await takeOver(broker, spec);
  const seen = new Set<string>();
  const options = { maxMessages: 100, pinnedGroup: generationGroup(1) };
  const subscription = await broker.consume(spec.stream, spec.durable, options, (message) => {
    seen.add(text(message.data));
    message.ack();
  });
  const publish = (number: number) =>
    vi.waitFor(() => broker.publish('events.team-a.x', bytes(String(number))), { timeout: 30_000, interval: 200 });
  for (let number = 0; number < 50; number += 1) await publish(number);

  interface Led {
    readonly cluster: { readonly leader: string };
  }
  const { cluster: led } = await broker.api.request<Led>(
    `CONSUMER.INFO.${spec.stream}.${spec.durable}`,
    undefined,
    'test',
  );
  await cluster.servers.find(({ name }) => name === led.leader)!.kill();
  for (let number = 50; number < 100; number += 1) await publish(number);
  await vi.waitFor(() => expect(seen.size).toBe(100), 45_000);
  expect((await broker.getLast(names.events, `events.${partition}.team-a.x`))?.header('absent')).toBe('');
  await subscription.stop();
});
