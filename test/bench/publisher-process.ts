/** The producer of both sides, in a process of its own. */
import { connect, createInbox, type NatsConnection } from '@nats-io/transport-node';
import { serve } from './child.ts';
import { sharedMicros } from './machine.ts';
import { payloadAt } from './payload.ts';

/** Events without a confirmation yet; the server refuses more than it can buffer. */
const window = 1024;

let connection: NatsConnection | undefined;

function connected(): NatsConnection {
  if (connection === undefined) throw new Error('not connected');
  return connection;
}

/** Publishes in turn to `subjects` and resolves when all is stored; at most {@link window} wait for their confirmation. */
function store({ subjects, count }: { readonly subjects: readonly string[]; readonly count: number }): Promise<void> {
  const nats = connected();
  const payload = payloadAt(sharedMicros());
  const inbox = createInbox();
  let sent = 0;
  let confirmed = 0;
  return new Promise((resolve, reject) => {
    const subscription = nats.subscribe(inbox, {
      callback: (error, message) => {
        const refusal = error ?? refusalOf(message.string());
        if (refusal !== undefined) {
          subscription.unsubscribe();
          reject(refusal);
          return;
        }
        confirmed += 1;
        if (confirmed === count) {
          subscription.unsubscribe();
          resolve();
        } else if (sent - confirmed <= window / 2) fill();
      },
    });
    const fill = (): void => {
      while (sent < count && sent - confirmed < window) {
        nats.publish(subjects[sent % subjects.length] as string, payload, { reply: inbox });
        sent += 1;
      }
    };
    fill();
  });
}

function refusalOf(answer: string): Error | undefined {
  return answer.includes('"error"') || answer === '' ? new Error(`not stored: ${answer}`) : undefined;
}

interface PacedPlan {
  readonly subjects: readonly string[];
  readonly count: number;
  readonly perSecond: number;
}

/** Publishes at an even rate, each with the time of its publishing; resolves after the last. */
function paced({ subjects, count, perSecond }: PacedPlan): Promise<void> {
  const nats = connected();
  const startedAt = sharedMicros();
  let sent = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(count, Math.floor(((sharedMicros() - startedAt) * perSecond) / 1e6));
      for (; sent < due; sent += 1) {
        nats.publish(subjects[sent % subjects.length] as string, payloadAt(sharedMicros()));
      }
      if (sent < count) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
}

const commands = {
  connect: async ({ url }: { readonly url: string }) => {
    await connection?.close();
    connection = await connect({ servers: url, name: 'bench publisher' });
  },
  store,
  paced,
  /** Publishes one event and answers when that was, in µs of the shared clock. */
  one: ({ subject }: { readonly subject: string }) => {
    const at = sharedMicros();
    connected().publish(subject, payloadAt(at));
    return at;
  },
};
export type PublisherCommands = typeof commands;

serve(commands);
