import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import * as fc from 'fast-check';
import { beforeAll, afterAll, expect, test } from 'vitest';

import { partitionOf } from '../../src/delivery/partition.ts';
import type { NatsLink } from '../../src/jetstream/connection.ts';
import { startNats, type NatsServer } from '../cluster/nats.ts';
import { connect } from './fixture.ts';

let server: NatsServer;
let link: NatsLink;
let manager: JetStreamManager;

beforeAll(async () => {
  server = await startNats();
  link = await connect(server);
  manager = await jetstreamManager(link.connection);
});
afterAll(async () => {
  await link?.close();
  await server?.stop();
});

const namespaces = Array.from({ length: 100 }, (_, index) => `team-${index}`);
// What NATS takes as a token, beyond names of namespaces: any UTF-8 without dots, wildcards and white space.
const odd = fc.sample(fc.stringMatching(/^[!-)+-\-/-=?-~À-ɏ一-丿😀-😏]{1,40}$/u), { numRuns: 100, seed: 1 });
const sources = [...new Set([...namespaces, ...odd, 'a', 'public', 'größe', '漢字', '😀'])];

test.each([1, 2, 7, 16, 64, 1024])(
  'the server puts each source into the same one of %d partitions as we do',
  async (count) => {
    const name = `P${count}`;
    await manager.streams.add({
      name,
      subjects: [`p${count}.*`],
      subject_transform: { src: `p${count}.*`, dest: `stored.{{partition(${count},1)}}.{{wildcard(1)}}` },
      max_consumers: 1,
    });
    const stored = await Promise.all(
      sources.map(async (source) => {
        const { seq } = await manager.jetstream().publish(`p${count}.${source}`);
        return (await manager.streams.getMessage(name, { seq }))?.subject;
      }),
    );
    expect(stored).toEqual(sources.map((source) => `stored.${partitionOf(source, count)}.${source}`));
  },
);
