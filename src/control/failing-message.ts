import { formatDuration } from '../api/duration.ts';
import { formatTime } from '../api/time.ts';
import type { WebhookConfig } from '../delivery/webhook-config.ts';
import type { FailureRecord, WebhookState } from '../delivery/webhook-state.ts';

type Rules = Pick<WebhookConfig, 'delivery' | 'exempt'>;

/** Message of `Failing: True`: how long it has gone on, what the receiver said last, and what comes next. */
export function failingMessage(state: WebhookState, failure: FailureRecord, rules: Rules): string {
  const since = state.failingSince === undefined ? '' : ` since ${formatTime(state.failingSince)}`;
  const outlook = state.verdict === undefined ? outlookOf(rules) : [];
  return [`${attempts(state.streak)}${since}`, `the last: ${failure.message}`, ...outlook].join('; ');
}

/** Message of `Failing: False`. */
export function healthyMessage(streak: number, failingAfter: number): string {
  if (streak === 0) return 'No attempt failed since the last success.';
  const limit = failingAfter === 0 ? 'shown here never (failingAfter: 0)' : `shown here from ${failingAfter} on`;
  return `${attempts(streak)}; ${limit}`;
}

/** `1 failed attempt in a row`, `2 failed attempts in a row`. */
function attempts(streak: number): string {
  return `${streak} failed ${streak === 1 ? 'attempt' : 'attempts'} in a row`;
}

function outlookOf({ delivery, exempt }: Rules): string[] {
  if (exempt) return ['its class is exempt: failures never disable it'];
  const { afterConsecutiveFailures, afterExhaustedEvents, minFailingDurationMs } = delivery.disable;
  const outlook: string[] = [];
  if (afterConsecutiveFailures > 0) {
    const span = minFailingDurationMs === 0 ? '' : ` over at least ${formatDuration(minFailingDurationMs)}`;
    outlook.push(`disabled at ${afterConsecutiveFailures} in a row${span}`);
  }
  if (afterExhaustedEvents > 0) {
    const events = afterExhaustedEvents === 1 ? 'an event has' : `${afterExhaustedEvents} events have`;
    outlook.push(`disabled when ${events} run out of attempts`);
  }
  return outlook.length === 0 ? ['failures never disable it'] : outlook;
}
