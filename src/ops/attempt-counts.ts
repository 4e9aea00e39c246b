import { sampleText } from './exposition.ts';

/**
 * What an attempt led to (`delivered`, `retry` = another one follows, `dead_letter`, `held` = put into the backlog), or
 * what was done without one (`held` too, `unsubscribed`, `dropped` while inactive).
 */
export const deliveryOutcomes = ['delivered', 'retry', 'dead_letter', 'held', 'unsubscribed', 'dropped'] as const;
export type DeliveryOutcome = (typeof deliveryOutcomes)[number];

/** `none` = no response; `other` = a status code outside of 200 to 599. */
const codeClasses = ['none', 'other', '2xx', '3xx', '4xx', '5xx'] as const;

const outcomeRow = Object.fromEntries(
  deliveryOutcomes.map((outcome, index) => [outcome, index * codeClasses.length]),
) as Readonly<Record<DeliveryOutcome, number>>;

/** A counter per outcome and code class, in one array: an increment is one addition. */
export class AttemptCounts {
  readonly #counts = new Float64Array(deliveryOutcomes.length * codeClasses.length);

  add(outcome: DeliveryOutcome, statusCode: number | undefined): void {
    const index = outcomeRow[outcome] + codeClassIndex(statusCode);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  /** Samples of every combination that occurred. */
  render(name: string, labels: string): string {
    let text = '';
    this.#counts.forEach((count, index) => {
      if (count === 0) return;
      const outcome = deliveryOutcomes[Math.floor(index / codeClasses.length)];
      const codeClass = codeClasses[index % codeClasses.length];
      text += sampleText(name, `${labels},outcome="${outcome}",code_class="${codeClass}"`, count);
    });
    return text;
  }
}

function codeClassIndex(statusCode: number | undefined): number {
  if (statusCode === undefined) return 0;
  return statusCode >= 200 && statusCode < 600 ? Math.floor(statusCode / 100) : 1;
}
