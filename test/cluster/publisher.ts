import { jetstream, type PubAck } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { eventSubject } from '../../src/jetstream/subjects.ts';

/** Publishes one event and waits until it is stored. `body` is JSON; `id` must be unique over all sources. */
export type Publish = (source: string, type: string, body: string, id: string) => Promise<PubAck>;

/** Runs `work` with a connection of its own: all that a producer needs. */
export async function withConnection<T>(url: string, work: (publish: Publish) => Promise<T>): Promise<T> {
  const connection = await connect({ servers: url, name: 'producer', reconnect: false, timeout: 5000 });
  try {
    const js = jetstream(connection);
    return await work((source, type, body, id) => js.publish(eventSubject(source, type), body, { msgID: id }));
  } finally {
    await connection.close();
  }
}
