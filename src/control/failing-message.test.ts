import { expect, test } from 'vitest';
import { deliverySettings } from '../delivery/settings.fixture.ts';
import type { WebhookConfig } from '../delivery/webhook-config.ts';
import type { FailureRecord, WebhookState } from '../delivery/webhook-state.ts';
import { failingMessage, healthyMessage } from './failing-message.ts';
import { laneView, resolve, start } from './webhook.fixture.ts';

const { state: healthy } = laneView(await resolve());
const failure: FailureRecord = { at: start, eventID: 'e', attempt: 1, reason: 'HTTPStatus', message: 'HTTP 500: no' };

function message(
  changes: Partial<WebhookState>,
  disable: Partial<WebhookConfig['delivery']['disable']> = {},
  exempt = false,
): string {
  const { disable: standard } = deliverySettings();
  const delivery = deliverySettings({ disable: { ...standard, ...disable } });
  return failingMessage({ ...healthy, streak: 412, failingSince: start, ...changes }, failure, { delivery, exempt });
}

test('It tells the streak, since when, the last failure and the threshold', () => {
  expect(message({})).toBe(
    '412 failed attempts in a row since 2026-01-01T00:00:00Z; the last: HTTP 500: no; disabled at 500 in a row over at least 24h',
  );
});

test.each<[string, string, Parameters<typeof message>]>([
  ['one failure', '1 failed attempt in a row since', [{ streak: 1 }]],
  ['no duration', 'disabled at 500 in a row', [{}, { minFailingDurationMs: 0 }]],
  ['an exempt class', 'its class is exempt: failures never disable it', [{}, {}, true]],
  ['no threshold', 'failures never disable it', [{}, { afterConsecutiveFailures: 0 }]],
  [
    'one exhausted event',
    'disabled when an event has run out of attempts',
    [{}, { afterConsecutiveFailures: 0, afterExhaustedEvents: 1 }],
  ],
  [
    'both thresholds',
    'disabled at 500 in a row over at least 24h; disabled when 3 events have run out of attempts',
    [{}, { afterExhaustedEvents: 3 }],
  ],
])('It tells of %s', (_name, text, args) => {
  expect(message(...args)).toContain(text);
});

test('Without a beginning, or once it is disabled, it says no more than it knows', () => {
  const { failingSince: _failingSince, ...since } = { ...healthy, streak: 3, failingSince: start };
  const verdict = { reason: 'RetriesExhausted', message: 'x', at: start } as const;
  expect(failingMessage({ ...since, verdict }, failure, { delivery: deliverySettings(), exempt: false })).toBe(
    '3 failed attempts in a row; the last: HTTP 500: no',
  );
});

test('A healthy webhook tells how far it is from failing', () => {
  expect(healthyMessage(0, 3)).toBe('No attempt failed since the last success.');
  expect(healthyMessage(1, 3)).toBe('1 failed attempt in a row; shown here from 3 on');
  expect(healthyMessage(9, 0)).toBe('9 failed attempts in a row; shown here never (failingAfter: 0)');
});
