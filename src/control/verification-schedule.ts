import type { WebhookConfig } from '../delivery/webhook-config.ts';

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

const firstDelaysMs = [5 * secondMs, 15 * secondMs, minuteMs, 5 * minuteMs, 15 * minuteMs];
const hourlyTries = 24;

/**
 * How long after the failure of try number `tries` (from 1) the next one comes; undefined = that was the last one, nothing
 * happens before spec or annotation change.
 */
export function verificationDelay(tries: number): number | undefined {
  const first = firstDelaysMs[tries - 1];
  if (first !== undefined) return first;
  return tries <= firstDelaysMs.length + hourlyTries ? hourMs : undefined;
}

/**
 * What the tries belong to: when it changes they begin anew. Besides spec and annotation it holds what else decides the
 * outcome: the URL behind `urlFrom`, and how and to where the class lets us ask.
 */
export function verificationFingerprint(config: WebhookConfig): string {
  const { target } = config;
  return JSON.stringify([
    config.generation,
    config.reactivateAnnotation ?? null,
    target?.urlHash ?? null,
    config.verification,
    target?.network.allowedCIDRs ?? [],
  ]);
}
