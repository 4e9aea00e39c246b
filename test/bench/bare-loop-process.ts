/**
 * The bare loop that the product is compared with: consume, sign, POST, acks collected once per turn of the event loop. No
 * retries, no deadlines, no matching, no state, no metrics: what nobody can do without, and nothing else.
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { jetstream, type JsMsg } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Agent, type Dispatcher } from 'undici';
import { serve } from './child.ts';

export interface BareLoopPlan {
  readonly natsUrl: string;
  readonly stream: string;
  readonly durable: string;
  readonly receiverUrl: string;
  readonly secret: string;
  /** Requests under way at the same time, each on its own connection. */
  readonly inFlight: number;
  /** POSTs per event. */
  readonly copies: number;
}

interface Job {
  readonly message: JsMsg;
  left: number;
}

let failures = 0;

async function start(plan: BareLoopPlan): Promise<void> {
  const nats = await connect({ servers: plan.natsUrl, name: 'bench bare loop' });
  const consumer = await jetstream(nats).consumers.get(plan.stream, plan.durable);
  const agent = new Agent({
    connections: plan.inFlight,
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const key = createSecretKey(Buffer.from(plan.secret));
  const { origin, pathname: path } = new URL(plan.receiverUrl);
  const waiting: Job[] = [];
  let next = 0;
  let inFlight = 0;
  let acks: JsMsg[] = [];

  const ack = (message: JsMsg): void => {
    if (acks.push(message) > 1) return;
    setImmediate(() => {
      const due = acks;
      acks = [];
      for (const each of due) each.ack();
    });
  };
  const done = (job: Job): void => {
    inFlight -= 1;
    job.left -= 1;
    if (job.left === 0) ack(job.message);
    pump();
  };
  const pump = (): void => {
    while (inFlight < plan.inFlight && next < waiting.length) {
      const job = waiting[next] as Job;
      next += 1;
      inFlight += 1;
      agent.dispatch(requestOf(job.message, origin, path, key), handlerOf(job, done));
    }
    if (next === waiting.length) {
      waiting.length = 0;
      next = 0;
    }
  };
  await consumer.consume({
    max_messages: 1024,
    callback: (message) => {
      const job = { message, left: plan.copies };
      for (let copy = 0; copy < plan.copies; copy += 1) waiting.push(job);
      pump();
    },
  });
}

function requestOf(message: JsMsg, origin: string, path: string, key: KeyObject): Dispatcher.DispatchOptions {
  const { data, info } = message;
  const id = `bare-${info.streamSequence}`;
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(data).digest('base64');
  const headers = [
    'content-type',
    'application/json',
    'user-agent',
    'webhook-operator/bare',
    'webhook-id',
    id,
    'webhook-event-type',
    'bench.bare',
    'webhook-attempt',
    '1',
    'webhook-timestamp',
    timestamp,
    'webhook-signature',
    `v1,${signature}`,
  ];
  return { origin, path, method: 'POST', headers, body: data };
}

function handlerOf(job: Job, done: (job: Job) => void): Dispatcher.DispatchHandler {
  return {
    onRequestStart: () => undefined,
    onResponseStart: (_, statusCode) => {
      if (statusCode !== 200) failures += 1;
    },
    onResponseData: () => undefined,
    onResponseEnd: () => done(job),
    onResponseError: () => {
      failures += 1;
      done(job);
    },
  };
}

const commands = {
  start,
  /** Requests that were not answered with 200: a measurement with any is void. */
  failures: () => failures,
};
export type BareLoopCommands = typeof commands;

serve(commands);
