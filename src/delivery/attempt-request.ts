import type { OutgoingRequest } from './attempt.ts';
import type { DeliveryEvent } from './delivery-event.ts';
import { buildPayload, type Payload } from './payload.ts';
import { buildHeaders } from './request-headers.ts';
import { sign } from './signature.ts';
import type { PayloadFormat, Target, WebhookConfig } from './webhook-config.ts';

// An event that goes to many webhooks gets the same body in each: built once per event and format.
const payloads = new WeakMap<DeliveryEvent, Map<PayloadFormat, Payload>>();

function payloadOf(format: PayloadFormat, event: DeliveryEvent): Payload {
  // Raw costs nothing to build, and is the usual one.
  if (format === 'Raw') return buildPayload(format, event);
  let byFormat = payloads.get(event);
  if (byFormat === undefined) {
    byFormat = new Map();
    payloads.set(event, byFormat);
  }
  let payload = byFormat.get(format);
  if (payload === undefined) {
    payload = buildPayload(format, event);
    byFormat.set(format, payload);
  }
  return payload;
}

/**
 * The request of one attempt: the same body on each, timestamp and signature of now. Throws `PayloadInvalidError`.
 *
 * @param now wall clock, ms since the epoch.
 */
export function attemptRequest(
  config: WebhookConfig,
  target: Target,
  event: DeliveryEvent,
  attempt: number,
  now: number,
): OutgoingRequest {
  const payload = payloadOf(target.payloadFormat, event);
  const timestampSeconds = Math.floor(now / 1000);
  const signed = target.signingScheme === 'StandardWebhooks' && target.signingKeys.length > 0;
  const { timeouts } = config.delivery;
  return {
    method: 'POST',
    url: target.url,
    headers: buildHeaders({
      target,
      event,
      payload,
      attempt,
      timestampSeconds,
      ...(signed ? { signature: sign(event.id, timestampSeconds, payload.body, target.signingKeys) } : {}),
    }),
    body: payload.body,
    connectTimeoutMs: timeouts.connectMs,
    totalTimeoutMs: timeouts.totalMs,
    allowedCIDRs: target.network.allowedCIDRs,
  };
}
