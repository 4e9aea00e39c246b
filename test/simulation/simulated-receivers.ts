import type { OutgoingRequest, RequestResult, Sender } from '../../src/delivery/attempt.ts';
import type { Ledger, Post } from './ledger.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedProcess, VirtualTime } from './virtual-clock.ts';

/** How a receiver behaves for a while. */
export type ReceiverMode =
  | { readonly kind: 'Healthy' }
  /** Answers 200 after this long. */
  | { readonly kind: 'Slow'; readonly delayMs: number }
  | { readonly kind: 'Status'; readonly status: number; readonly retryAfter?: string }
  /** Never answers. */
  | { readonly kind: 'Hang' }
  /** Takes the request, and answers when the client has given up. */
  | { readonly kind: 'Late' }
  | { readonly kind: 'Refuse' }
  /** Fails this share of the requests. */
  | { readonly kind: 'Flapping'; readonly share: number };

const maxOverrunMs = 6000;

export class SimulatedReceivers {
  readonly #modes = new Map<string, ReceiverMode>();
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #ledger: Ledger;
  readonly #overruns: boolean;

  /** @param overruns whether a process may notice a timeout late, by up to the margin of a park and a little more. */
  constructor(time: VirtualTime, random: SeededRandom, ledger: Ledger, overruns: boolean) {
    this.#time = time;
    this.#overruns = overruns;
    this.#random = random;
    this.#ledger = ledger;
  }

  setMode(uid: string, mode: ReceiverMode): void {
    this.#modes.set(uid, mode);
  }

  /** The sender of one process. `generationOf`: the generation that the process has of a webhook's slot. */
  sender(process: SimulatedProcess, generationOf: (uid: string) => number): Sender {
    return {
      send: (request) => {
        const uid = uidOf(request.url);
        const post: Post = {
          uid,
          url: request.url,
          eventID: headerOf(request, 'webhook-id'),
          attempt: Number(headerOf(request, 'webhook-attempt')),
          member: process.name,
          generation: generationOf(uid),
          at: this.#time.now,
        };
        this.#ledger.posts.push(post);
        this.#ledger.note(`${post.member} POST ${post.eventID} → ${uid} attempt ${post.attempt} g${post.generation}`);
        return this.#exchange(process, request, post);
      },
    };
  }

  #exchange(process: SimulatedProcess, request: OutgoingRequest, post: Post): Promise<RequestResult> {
    const time = this.#time;
    const began = time.now;
    return new Promise((resolve) => {
      const finish = (result: RequestResult): void =>
        process.run(() => {
          const ok = result.kind === 'Response' && result.statusCode >= 200 && result.statusCode < 300;
          const status = result.kind === 'Response' ? result.statusCode : result.reason;
          const paused =
            result.kind === 'Response' &&
            (result.statusCode === 429 || result.statusCode === 503) &&
            result.headers['retry-after'] !== undefined;
          post.seen = { at: time.now, ok, counts: !ok && !paused };
          this.#ledger.note(`${post.member} saw ${status} for ${post.eventID} → ${post.uid} attempt ${post.attempt}`);
          resolve(result);
        });
      const overrunMs = this.#overruns && this.#random.chance(0.3) ? this.#random.between(0, maxOverrunMs) : 0;
      const deadline = time.after(request.totalTimeoutMs + overrunMs, () => {
        finish(failure('Timeout', time.now - began));
      });
      const answer = (result: RequestResult, delayMs: number): void => {
        time.after(delayMs, () => {
          if (result.kind === 'Response') post.answered = { at: time.now, status: result.statusCode };
          time.after(this.#random.between(0.2, 2), () => {
            if (time.now - began >= request.totalTimeoutMs) return;
            time.cancel(deadline);
            finish(result);
          });
        });
      };
      time.after(this.#random.between(0.2, 5), () => this.#serve(request, answer));
    });
  }

  #serve(request: OutgoingRequest, answer: (result: RequestResult, delayMs: number) => void): void {
    const mode = this.#modes.get(uidOf(request.url)) ?? { kind: 'Healthy' };
    const quick = this.#random.between(0.5, 30);
    switch (mode.kind) {
      case 'Healthy':
        answer(response(200), quick);
        return;
      case 'Slow':
        answer(response(200), mode.delayMs * this.#random.between(0.8, 1.2));
        return;
      case 'Status':
        answer(response(mode.status, mode.retryAfter), quick);
        return;
      case 'Hang':
        return;
      case 'Late':
        answer(response(200), request.totalTimeoutMs + this.#random.between(-50, 1000));
        return;
      case 'Refuse':
        answer(failure('ConnectionRefused', 1), 0.5);
        return;
      case 'Flapping':
        answer(response(this.#random.chance(mode.share) ? 500 : 200), quick);
    }
  }
}

/** URLs are `https://<uid>.test/<version>`. */
function uidOf(url: string): string {
  return new URL(url).hostname.replace(/\.test$/, '');
}

function headerOf(request: OutgoingRequest, name: string): string {
  const index = request.headers.indexOf(name);
  return index === -1 ? '' : (request.headers[index + 1] ?? '');
}

function response(statusCode: number, retryAfter?: string): RequestResult {
  return {
    kind: 'Response',
    statusCode,
    headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter },
    body: new Uint8Array(0),
    durationMs: 1,
  };
}

function failure(reason: 'Timeout' | 'ConnectionRefused', durationMs: number): RequestResult {
  return { kind: 'Error', reason, message: reason, durationMs };
}
