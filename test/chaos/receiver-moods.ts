import { mixedAnswers } from '../failure/mixed-load.ts';
import type { Answer, Policy } from '../failure/recording-receiver.ts';

/** What a receiver does to everything that comes to it for a while. */
export const moods = {
  errors: { status: 500 },
  hangs: { refusal: 'hang' },
  resets: { refusal: 'reset' },
  throttles: { status: 429, headers: { 'retry-after': '3' } },
  gone: { status: 410 },
  slow: { delayMs: 3000 },
} as const satisfies Readonly<Record<string, Answer>>;

export type Mood = keyof typeof moods;

/** Receivers of the mixed load, some of which are in a mood. */
export class MoodyReceivers {
  readonly #moods = new Map<string, Mood>();

  set(webhook: string, mood: Mood | undefined): void {
    if (mood === undefined) this.#moods.delete(webhook);
    else this.#moods.set(webhook, mood);
  }

  clear(): void {
    this.#moods.clear();
  }

  readonly answer: Policy = (delivery, request) => {
    const mood = this.#moods.get(delivery.webhook);
    if (mood !== undefined) return moods[mood];
    // One at a time: at the pace of the others it would take minutes more than they do.
    return delivery.webhook.endsWith('/ordered') ? { delayMs: 10 } : mixedAnswers(delivery, request);
  };
}
