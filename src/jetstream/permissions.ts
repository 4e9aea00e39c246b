import { inboxPrefix } from './connection.ts';
import { stateStream, type StreamNames } from './subjects.ts';

/** Subjects that a NATS user may use, as the server's configuration spells them. */
export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/**
 * All that the operator needs and nothing more: one reason per group.
 *
 * @param streams `External` needs no right to create or change streams.
 */
export function operatorPermissions(names: StreamNames, streams: 'Manage' | 'External'): NatsPermissions {
  const all = [names.events, names.retries, names.backlog, names.deadLetters, stateStream(names)];
  const pulled = [names.events, names.retries];
  const perStream = (streamNames: readonly string[], ...requests: readonly string[]) =>
    streamNames.flatMap((stream) => requests.map((request) => `$JS.API.${request.replace('*stream*', stream)}`));
  return {
    publish: [
      // Operational events; scheduled retries; held deliveries; dead letters; state.
      'events.*.webhook-operator.>',
      'retry.sched.*.*.*',
      'backlog.*.*',
      'dead.*.*',
      `$KV.${names.stateBucket}.*.*`,
      // Look at streams, read single messages from the leader.
      ...perStream(all, 'STREAM.INFO.*stream*'),
      ...perStream([names.events, names.backlog, names.deadLetters, stateStream(names)], 'STREAM.MSG.GET.*stream*'),
      // Read backlogs and dead letters in batches.
      ...perStream([names.backlog, names.deadLetters], 'DIRECT.GET.*stream*'),
      // Cut, cancel, sweep.
      ...perStream([names.retries, names.backlog, names.deadLetters, stateStream(names)], 'STREAM.PURGE.*stream*'),
      ...(streams === 'Manage' ? perStream(all, 'STREAM.CREATE.*stream*', 'STREAM.UPDATE.*stream*') : []),
      // The consumers of slots and ordered webhooks: make, look at, pull, take the pin, remove.
      ...perStream(
        pulled,
        'CONSUMER.CREATE.*stream*.>',
        'CONSUMER.INFO.*stream*.*',
        'CONSUMER.MSG.NEXT.*stream*.*',
        'CONSUMER.UNPIN.*stream*.*',
        'CONSUMER.DELETE.*stream*.*',
        'CONSUMER.NAMES.*stream*',
      ),
      // Settle what was pulled.
      ...pulled.map((stream) => `$JS.ACK.${stream}.>`),
    ],
    subscribe: [`${inboxPrefix}.>`],
  };
}
