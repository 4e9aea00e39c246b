import { createSecretKey } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';

import { attemptRequest } from './attempt-request.ts';
import { deliveryEvent } from './event.fixture.ts';
import { PayloadInvalidError } from './payload-error.ts';
import type { Target } from './webhook-config.ts';
import { webhookConfig, webhookTarget } from './webhook.fixture.ts';

const now = Date.UTC(2026, 0, 1, 12, 0, 1, 999);
const secret = Buffer.alloc(32, 7);
const key = { algorithm: 'hmac-sha256', key: createSecretKey(secret) } as const;

function request(target: Partial<Target> = {}, event = deliveryEvent('{"n":1}'), attempt = 1, at = now) {
  const whole = webhookTarget(target);
  return attemptRequest(webhookConfig({ target: whole }), whole, event, attempt, at);
}
function headersOf(flat: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index < flat.length; index += 2) headers[flat[index] ?? ''] = flat[index + 1] ?? '';
  return headers;
}

describe('the request of an attempt', () => {
  test('goes by POST to the current URL with the limits of the settings', () => {
    const target = webhookTarget({ network: { allowedCIDRs: ['10.0.0.0/8'] } });
    const config = webhookConfig({ target }, { timeouts: { connectMs: 11, totalMs: 22 } });
    expect(attemptRequest(config, target, deliveryEvent('{}'), 1, now)).toMatchObject({
      method: 'POST',
      url: 'https://crm.example.com/hooks',
      connectTimeoutMs: 11,
      totalTimeoutMs: 22,
      allowedCIDRs: ['10.0.0.0/8'],
    });
  });

  test('is unsigned without keys, or when the scheme is None', () => {
    expect(headersOf(request().headers)).not.toHaveProperty('webhook-signature');
    const none = request({ signingScheme: 'None', signingKeys: [key] });
    expect(headersOf(none.headers)).not.toHaveProperty('webhook-signature');
  });

  test('is signed with the time of the attempt, as receivers verify it', () => {
    const at = Date.now();
    const signed = request({ signingKeys: [key] }, deliveryEvent('{"n":1}'), 1, at);
    const headers = headersOf(signed.headers);
    expect(headers['webhook-timestamp']).toBe(String(Math.floor(at / 1000)));
    const receiver = new Webhook(secret.toString('base64'));
    expect(receiver.verify(Buffer.from(signed.body ?? []).toString(), headers)).toEqual({ n: 1 });
  });

  test.each(['Raw', 'Event', 'StandardWebhooks', 'CloudEventsStructured', 'CloudEventsBinary'] as const)(
    'has the same bytes on each attempt and for each webhook in the format %s',
    (payloadFormat) => {
      const event = deliveryEvent('{"n":1}');
      const first = request({ payloadFormat }, event, 1);
      const later = request({ payloadFormat, url: 'https://other.example.com/' }, event, 5, now + 60_000);
      expect(later.body).toBe(first.body);
      expect(headersOf(later.headers)['webhook-attempt']).toBe('5');
    },
  );

  test('differs by format for one event', () => {
    const event = deliveryEvent('{"n":1}');
    expect(String(request({ payloadFormat: 'Event' }, event).body)).toBe('{"event":{"n":1}}');
    expect(String(request({ payloadFormat: 'StandardWebhooks' }, event).body)).toContain('"type":"item.created"');
    expect(String(request({}, event).body)).toBe('{"n":1}');
  });

  test('can’t be built around what is no JSON, the second time neither', () => {
    const event = deliveryEvent('oops');
    expect(() => request({ payloadFormat: 'Event' }, event)).toThrow(PayloadInvalidError);
    expect(() => request({ payloadFormat: 'Event' }, event)).toThrow(PayloadInvalidError);
    expect(String(request({}, event).body)).toBe('oops');
  });
});
