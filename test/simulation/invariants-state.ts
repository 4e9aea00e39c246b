import type { WebhookState } from '../../src/delivery/webhook-state.ts';
import { formatTime, type StateWrite } from './ledger.ts';
import type { World } from './world.ts';

/** A verdict is given for enough failures, cleared by a person only, and nothing is sent while it stands. */
export function checkVerdicts(world: World): void {
  const { ledger, scenario } = world;
  for (const { uid, delivery } of scenario.webhooks) {
    const writes = ledger.states.filter((write) => write.uid === uid);
    for (const [index, { at, state }] of writes.entries()) {
      const before = writes[index - 1]?.state;
      if (before?.verdict !== undefined && state.verdict === undefined && !mayReactivate(world, uid, before, at)) {
        ledger.violated(`${uid} was enabled at ${formatTime(at).trim()}, and nobody had asked for it`);
      }
      if (before !== undefined && state.epoch < before.epoch) ledger.violated(`the epoch of ${uid} went back`);
      if (before?.owed !== undefined && state.owed?.sequence !== before.owed.sequence) {
        ledger.violated(`${uid} is owed events from another point`);
      }
      if (state.verdict?.reason === 'FailureThresholdReached' && before?.verdict === undefined) {
        const count = failuresBefore(world, uid, writes.slice(0, index), at);
        const threshold = delivery.disable.afterConsecutiveFailures;
        if (count < threshold) ledger.violated(`${uid} was disabled after ${count} failures of ${threshold}`);
      }
    }
    checkDisabled(world, uid, writes);
  }
}

/** Whether somebody changed a switch that was not handled yet when `state` was written. */
function mayReactivate(world: World, uid: string, { handled }: WebhookState, until: number): boolean {
  return world.ledger.configs.some(
    ({ uid: changed, at, config }) =>
      changed === uid &&
      at <= until &&
      config !== undefined &&
      ((config.suspend && config.generation > handled.generation) ||
        (config.reactivateAnnotation !== undefined && config.reactivateAnnotation !== handled.annotation) ||
        (config.target?.urlHash !== handled.urlHash && config.generation > handled.generation)),
  );
}

/** Failures that anybody saw since the last streak ended in STATE. */
function failuresBefore(world: World, uid: string, writes: readonly StateWrite[], until: number): number {
  const { posts } = world.ledger;
  const resetAt = writes.findLast(({ state }) => state.streak === 0)?.at ?? 0;
  const lastSuccess = Math.max(
    0,
    ...posts.flatMap(({ uid: to, seen }) => (to === uid && seen?.ok === true && seen.at <= resetAt ? [seen.at] : [])),
  );
  return posts.filter(
    ({ uid: to, seen }) => to === uid && seen?.counts === true && seen.at >= lastSuccess && seen.at <= until,
  ).length;
}

function checkDisabled(world: World, uid: string, writes: readonly StateWrite[]): void {
  for (const post of world.ledger.posts) {
    if (post.uid !== uid) continue;
    const last = writes.findLast(({ at }) => at <= post.at)?.state;
    if (last?.verdict !== undefined && !mayReactivate(world, uid, last, post.at)) {
      world.ledger.violated(`POST of ${post.eventID} to ${uid} at ${formatTime(post.at).trim()}, which is disabled`);
    }
  }
}
