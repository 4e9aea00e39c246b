import { describe, expect, it } from 'vitest';
import { defaultMaxAgeMs, defaultMaxBytes } from '../jetstream/stream-table.ts';
import { defaultStreamNames } from '../jetstream/subjects.ts';
import { natsOptions, streamTableOptions } from './option-views.ts';
import { parseOptions } from './options.ts';

describe('streamTableOptions', () => {
  it('has the defaults of the streams themselves', () => {
    expect(streamTableOptions(parseOptions([], {}))).toEqual({
      names: defaultStreamNames,
      replicas: 1,
      partitions: 16,
      shards: 1,
      maxBytes: defaultMaxBytes,
      maxAgeMs: defaultMaxAgeMs,
    });
  });
});

describe('natsOptions', () => {
  it('passes the servers and the paths on', () => {
    const flags = ['--nats-url=tls://n:4222', '--nats-nkey=/n', '--nats-ca=/a', '--nats-cert=/c', '--nats-key=/k'];
    expect(natsOptions(parseOptions(flags, {}))).toEqual({
      servers: ['tls://n:4222'],
      creds: undefined,
      nkey: '/n',
      tokenFile: undefined,
      ca: '/a',
      cert: '/c',
      key: '/k',
    });
  });
});
