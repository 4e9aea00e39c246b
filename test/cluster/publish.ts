import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import { withConnection } from './publisher.ts';

// `npm run event -- item.created '{"id":1}'`: publishes one event, for machines without a NATS client.
const usage = `usage: npm run event -- [--source default] [--id <id>] [--count 1] <type> [<JSON>]
NATS_URL names the server, by default nats://127.0.0.1:4222.`;

function fail(message: string, code: number): never {
  console.error(message);
  process.exit(code);
}

function isJSON(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        source: { type: 'string', default: 'default' },
        id: { type: 'string' },
        count: { type: 'string', default: '1' },
      },
    });
    const [type, body = '{}', ...rest] = positionals;
    const count = Number(values.count);
    if (type === undefined || rest.length > 0 || !Number.isInteger(count) || count < 1) fail(usage, 2);
    if (count > 1 && values.id !== undefined) fail('--id names one event: leave it out with --count', 2);
    if (!isJSON(body)) fail(`<JSON>: the event's data must be JSON, and this is not: ${body}\n${usage}`, 2);
    return { source: values.source, id: values.id, type, body, count };
  } catch (error) {
    return fail(`${messageOf(error)}\n${usage}`, 2);
  }
}

const { source, id, type, body, count } = readArguments();
const url = process.env['NATS_URL'] ?? 'nats://127.0.0.1:4222';
try {
  await withConnection(url, async (publish) => {
    for (let index = 0; index < count; index += 1) {
      const eventID = id ?? randomUUID();
      const ack = await publish(source, type, body, eventID);
      const note = ack.duplicate ? ' (a duplicate within 100 ms: not stored again)' : '';
      console.log(`events.${source}.${type}  id ${eventID}  stored as ${ack.seq} of ${ack.stream}${note}`);
    }
  });
} catch (error) {
  fail(`Could not publish at ${url}: ${messageOf(error)}`, 1);
}
