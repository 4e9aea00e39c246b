import { startReceiver, type Behaviour, type ReceivedRequest } from '../receivers/receiver.ts';

/** A delivery that arrived. */
export interface RecordedDelivery {
  /** `<namespace>/<name>` of the Webhook. */
  readonly webhook: string;
  /** What follows the Webhook's name in the path. */
  readonly endpoint: string;
  readonly eventID: string;
  /** Of the event, as the request says. */
  readonly attempt: number;
  readonly time: number;
  /** 0 when it was not answered. */
  readonly status: number;
}

export interface Answer {
  /** Defaults to 200. */
  readonly status?: number;
  /** Defaults to 0. */
  readonly delayMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** There is no answer at all. */
  readonly refusal?: 'hang' | 'reset';
}

/** Decides what a delivery is answered. */
export type Policy = (delivery: Omit<RecordedDelivery, 'status'>, request: ReceivedRequest) => Answer;

/** Receives for any number of Webhooks, each at `<url>/<namespace>/<name>/<endpoint>`, and answers every challenge. */
export interface RecordingReceiver {
  readonly url: string;
  readonly deliveries: readonly RecordedDelivery[];
  readonly challenges: readonly { readonly path: string; readonly time: number }[];
  /** Replaces the policy; at first everything is 200 at once. */
  answer(policy: Policy): void;
  close(): Promise<void>;
}

const keptRequests = 1000;

export async function startRecordingReceiver(): Promise<RecordingReceiver> {
  const receiver = await startReceiver();
  const deliveries: RecordedDelivery[] = [];
  const challenges: RecordingReceiver['challenges'][number][] = [];
  let policy: Policy = () => ({});
  receiver.answer((request): Behaviour => {
    if (request.headers['webhook-event-type'] === 'webhook-operator.challenge') {
      challenges.push({ path: request.path, time: request.time });
      return { kind: 'challenge' };
    }
    const [, namespace = '', name = '', endpoint = ''] = request.path.split('/');
    const { eventID, time } = request;
    const attempt = Number(request.headers['webhook-attempt']);
    const delivery = { webhook: `${namespace}/${name}`, endpoint, eventID, attempt, time };
    // Bodies and headers of hours of load would fill the memory.
    if (receiver.requests.length >= keptRequests) receiver.forget();
    const { status = 200, delayMs = 0, headers = {}, refusal } = policy(delivery, request);
    deliveries.push({ ...delivery, status: refusal === undefined ? status : 0 });
    return refusal === undefined ? { kind: 'respond', status, delayMs, headers } : { kind: refusal };
  });
  return {
    url: receiver.url,
    deliveries,
    challenges,
    answer: (next) => {
      policy = next;
    },
    close: () => receiver.close(),
  };
}
