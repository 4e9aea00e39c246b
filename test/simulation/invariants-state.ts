import type { WebhookState } from '../../src/delivery/webhook-state.ts';
import { formatTime, runTime, type Post, type StateWrite } from './ledger.ts';
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
      if (before !== undefined && state.streak > before.streak) {
        const count = failuresBefore(world, uid, writes.slice(0, index), at);
        if (count < state.streak) ledger.violated(`${uid} counts ${state.streak} failures in a row of ${count}`);
      }
      const threshold = delivery.disable.afterConsecutiveFailures;
      if (state.verdict?.reason === 'FailureThresholdReached' && state.streak < threshold) {
        ledger.violated(`${uid} was disabled after ${state.streak} failures of ${threshold}`);
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

/** Failures that the owners saw since the last success that was settled, or the last time that the webhook was enabled. */
function failuresBefore(world: World, uid: string, writes: readonly StateWrite[], until: number): number {
  const { ledger, scenario } = world;
  const posts = ledger.posts.filter((post) => post.uid === uid);
  const enabledAt = writes.findLast(({ state }, index) => isEnabling(writes[index - 1]?.state, state))?.at ?? 0;
  // A transition works a little before it is stored, and a record is on its way for a while: longer while NATS is in trouble.
  const disturbed =
    ledger.outages.length > 0 || scenario.network.lostConfirmation > 0 || scenario.network.lostRequest > 0;
  const slackMs = disturbed ? 30_000 : 200;
  const from = enabledAt - slackMs;
  const lastSuccess = Math.max(
    0,
    ...posts.flatMap((post) => (isSettledSuccess(world, post, until - slackMs) ? [post.seen?.at ?? 0] : [])),
  );
  return posts.filter(
    ({ at, seen }) => seen?.counts === true && at >= from && seen.at >= lastSuccess && seen.at <= until,
  ).length;
}

function isEnabling(before: WebhookState | undefined, state: WebhookState): boolean {
  return before?.verdict !== undefined && state.verdict === undefined;
}

/** Seen by the owner of that time in the epoch in which it was sent, and not sent again: so what it means was stored. */
function isSettledSuccess({ ledger }: World, post: Post, until: number): boolean {
  const { uid, eventID, seen } = post;
  if (seen?.ok !== true || seen.at > until) return false;
  const epochs = ledger.states.filter(
    (write) => write.uid === uid && write.at > post.at - 8000 && write.at < seen.at + 8000,
  );
  if (new Set(epochs.map(({ state }) => state.epoch)).size > 1) return false;
  const slot = ledger.claims.findLast(({ member, at }) => member === post.member && at <= post.at)?.slot;
  const owner = ledger.claims.findLast((claim) => claim.slot === slot && claim.at <= seen.at);
  if (owner?.generation !== post.generation) return false;
  return !ledger.posts.some((other) => other.uid === uid && other.eventID === eventID && other.at > seen.at);
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

/** An event is acked: a success of it that ended a streak is stored by now. */
export function checkAcked({ ledger, members, time }: World, sequence: number, client: string): void {
  const event = ledger.events[sequence - 1];
  const skewMs = members.findLast(({ process }) => process.name === client)?.process.skewMs ?? 0;
  for (const { uid, eventID, member, generation, at, seen } of ledger.posts) {
    if (eventID !== event?.id || member !== client || seen?.ok !== true) continue;
    // A stale owner finishes what it had in flight, and has no say in STATE.
    const slot = ledger.claims.findLast((claim) => claim.member === member && claim.generation === generation)?.slot;
    if (ledger.claims.findLast((claim) => claim.slot === slot)?.generation !== generation) continue;
    // It may have been acked because of that.
    if (ledger.written.has(`${uid}/${eventID}`)) continue;
    const state = ledger.states.findLast((write) => write.uid === uid)?.state;
    if (state?.lastFailure === undefined || state.streak === 0) continue;
    // A late result of an older epoch moves no counter.
    const sentIn = ledger.states.findLast((write) => write.uid === uid && write.at <= at)?.state.epoch;
    if (sentIn !== state.epoch) continue;
    const moved = ledger.configs.some(
      (change) => change.uid === uid && change.at > at - 30_000 && change.at < time.now,
    );
    if (moved || runTime(state.lastFailure.at) - skewMs > seen.at) continue;
    ledger.violated(`${eventID} is acked, and its success did not end the streak of ${uid} in STATE`);
  }
}
