import type { SigningKey, Target, WebhookConfig } from '../delivery/webhook-config.ts';
import { deepEqual } from '../kubernetes/deep-equal.ts';

/** Whether two configurations mean the same to the engine: the second need not be handed to it after the first. */
export function sameConfig(a: WebhookConfig, b: WebhookConfig): boolean {
  if (a === b) return true;
  const { filter: filterA, target: targetA, ...restA } = a;
  const { filter: filterB, target: targetB, ...restB } = b;
  return filterA?.source === filterB?.source && sameTarget(targetA, targetB) && deepEqual(restA, restB);
}

function sameTarget(a: Target | undefined, b: Target | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const { signingKeys: keysA, ...restA } = a;
  const { signingKeys: keysB, ...restB } = b;
  return sameKeys(keysA, keysB) && deepEqual(restA, restB);
}

function sameKeys(a: readonly SigningKey[], b: readonly SigningKey[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ algorithm, key }, index) => {
      const other = b[index];
      return other !== undefined && algorithm === other.algorithm && key.equals(other.key);
    })
  );
}

/**
 * `next` with every part of `previous` that says the same, or `previous` itself: the engine and the sender remember what
 * they made of these objects by identity.
 */
export function reuseParts(previous: WebhookConfig | undefined, next: WebhookConfig): WebhookConfig {
  if (previous === undefined) return next;
  if (sameConfig(previous, next)) return previous;
  const target = next.target === undefined ? undefined : reuseTarget(previous.target, next.target);
  const filter = next.filter?.source === previous.filter?.source ? previous.filter : next.filter;
  return {
    ...next,
    patterns: kept(previous.patterns, next.patterns),
    delivery: kept(previous.delivery, next.delivery),
    ...(filter === undefined ? {} : { filter }),
    ...(target === undefined ? {} : { target }),
  };
}

function reuseTarget(previous: Target | undefined, next: Target): Target {
  if (previous === undefined) return next;
  if (sameTarget(previous, next)) return previous;
  return {
    ...next,
    headers: kept(previous.headers, next.headers),
    network: kept(previous.network, next.network),
    signingKeys: sameKeys(previous.signingKeys, next.signingKeys) ? previous.signingKeys : next.signingKeys,
  };
}

function kept<T>(previous: T, next: T): T {
  return deepEqual(previous, next) ? previous : next;
}
