/** The conditions of a Webhook (`docs/webhook.md`), from what was resolved, what its lane says, and how verification goes. */
import {
  conditionReasons,
  findCondition,
  removeCondition,
  setCondition,
  type Condition,
  type ConditionReason,
  type ConditionType,
} from '../api/conditions.ts';
import { annotations } from '../api/metadata.ts';
import { formatTime } from '../api/time.ts';
import type { ReactivateBy, WebhookConfig } from '../delivery/webhook-config.ts';
import { isFailing, type DisableVerdict, type WebhookState } from '../delivery/webhook-state.ts';
import { failingMessage, healthyMessage } from './failing-message.ts';
import type { LaneView } from './lane-view.ts';
import type { ProjectionInput } from './status-projection.ts';
import { isURLVerified, verifiedCondition, type SaidCondition } from './verified-condition.ts';

/** `Kept` = as it stands in status; a type that is not in it is absent. */
type Wanted = Map<ConditionType, SaidCondition | 'Kept'>;

/** Why the webhook is active or not. Active and the three of kstatus follow from it. */
interface Phase {
  readonly reason: ConditionReason<'Active'>;
  readonly message: string;
}

/** What this process works: only together do they say something about deliveries. */
interface Work {
  readonly lane: LaneView;
  readonly config: WebhookConfig;
}

const ourTypes = Object.keys(conditionReasons) as ConditionType[];

/** In the order that `previous` has them; those of other types are not ours to repeat. */
export function projectConditions(input: ProjectionInput): readonly Condition[] {
  const { previous, resolution, now } = input;
  const wanted = wantedOf(input);
  let conditions: readonly Condition[] = (previous?.conditions ?? []).filter(({ type }) =>
    ourTypes.some((ours) => ours === type),
  );
  for (const type of ourTypes) {
    const said = wanted.get(type);
    if (said === undefined) conditions = removeCondition(conditions, type);
    else if (said !== 'Kept') {
      conditions = setCondition(conditions, { ...said, observedGeneration: resolution.generation }, now);
    }
  }
  return conditions;
}

function wantedOf(input: ProjectionInput): Wanted {
  const { previous, resolution, lane } = input;
  const { config, hold } = resolution;
  const work = lane === undefined || config === undefined ? undefined : { lane, config };
  // Somebody else works the webhook's slot, and knows better.
  if (work === undefined && hold === undefined) return new Map(ourTypes.map((type) => [type, 'Kept']));
  const phase = phaseOf(input, work);
  const verified = verifiedCondition(input, work?.lane, phase.reason === 'NotVerified');
  const isUnproven = verified === 'Kept' || verified.status === 'False';
  const wanted: Wanted = new Map();
  for (const said of [activeOf(phase), ...kstatusOf(phase, input, isUnproven)]) wanted.set(said.type, said);
  wanted.set('Verified', verified);
  for (const said of work === undefined ? atFirst : laneConditions(work)) {
    const isKnown = work === undefined && findCondition(previous?.conditions, said.type) !== undefined;
    wanted.set(said.type, isKnown ? 'Kept' : said);
  }
  if (work === undefined) wanted.set('BacklogFull', 'Kept');
  return wanted;
}

/** Until some process works the webhook. */
const atFirst: readonly SaidCondition[] = [
  { type: 'Disabled', status: 'False', reason: 'NotDisabled', message: 'It was never disabled.' },
  { type: 'Failing', status: 'False', reason: 'Healthy', message: 'Nothing was sent yet.' },
];

function laneConditions({ lane, config }: Work): SaidCondition[] {
  const { state, pending, backlogFull } = lane;
  const conditions = [disabledOf(state, config), failingOf(state, config)];
  if (backlogFull) {
    conditions.push({
      type: 'BacklogFull',
      status: 'True',
      reason: 'LimitReached',
      message: `${pending.backlog} deliveries are held, no more are taken: further ones are lost (${pending.lost} so far) until the receiver takes some of them`,
    });
  }
  return conditions;
}

function filterFaultsMessage(faults: LaneView['filterFaults']): string {
  if (faults === undefined) return '';
  const events = faults.count === 1 ? '1 event' : `${faults.count} events`;
  return ` spec.filter failed for ${events}, which counts as no match; the last time: ${faults.last}`;
}

/** A disable outlasts a suspension that does not clear it. Every other hold comes first: it must be mended before all. */
function phaseOf({ resolution }: ProjectionInput, work: Work | undefined): Phase {
  const { hold, source } = resolution;
  const verdict = work?.lane.state.verdict;
  if (work !== undefined && verdict !== undefined && (hold === undefined || hold.reason === 'Suspended')) {
    return { reason: 'Disabled', message: disabledMessage(verdict, work.config) };
  }
  // Without work there is a hold, or `wantedOf` would have kept all as it is.
  if (work === undefined || hold !== undefined) return hold as Phase;
  const { state } = work.lane;
  if (isURLVerified(resolution, state)) {
    const faults = filterFaultsMessage(work.lane.filterFaults);
    return { reason: 'Delivering', message: `Events of the source ${source} are delivered.${faults}` };
  }
  const fate = state.owed === undefined ? 'Events are delivered from the moment on when' : 'Events are held until';
  return { reason: 'NotVerified', message: `${fate} the URL has proved itself; see Verified.` };
}

function activeOf({ reason, message }: Phase): SaidCondition {
  return reason === 'Delivering'
    ? { type: 'Active', status: 'True', reason, message }
    : { type: 'Active', status: 'False', reason, message };
}

/** kstatus: Reconciling while it may come right without a change of the Webhook, Stalled when only such a change helps. */
function kstatusOf(
  { reason, message }: Phase,
  { verification }: ProjectionInput,
  isUnproven: boolean,
): SaidCondition[] {
  switch (reason) {
    case 'Delivering':
    case 'Suspended':
      return [{ type: 'Ready', status: 'True', reason, message }];
    case 'InvalidSpec':
    case 'SourceConflict':
    case 'Disabled':
      return [
        { type: 'Ready', status: 'False', reason, message },
        { type: 'Stalled', status: 'True', reason, message },
      ];
    case 'NotVerified':
      if (verification?.exhausted === true) {
        return [
          { type: 'Ready', status: 'False', reason, message },
          { type: 'Stalled', status: 'True', reason, message },
        ];
      }
      return [
        isUnproven
          ? { type: 'Ready', status: 'False', reason, message }
          : { type: 'Ready', status: 'Unknown', reason: 'Verifying', message },
        { type: 'Reconciling', status: 'True', reason: 'Verifying', message },
      ];
    default:
      return [
        { type: 'Ready', status: 'False', reason, message },
        { type: 'Reconciling', status: 'True', reason, message },
      ];
  }
}

const waysToReactivate: Readonly<Record<ReactivateBy, { readonly todo: string; readonly done: string }>> = {
  Toggle: { todo: 'set spec.suspend to true, then to false', done: 'spec.suspend' },
  Annotation: {
    todo: `give the annotation ${annotations.reactivate} a new value`,
    done: `the annotation ${annotations.reactivate}`,
  },
  URLChange: { todo: 'change the URL', done: 'another URL' },
};

function disabledOf(state: WebhookState, config: WebhookConfig): SaidCondition {
  const { verdict, reactivated } = state;
  if (verdict !== undefined) {
    const message = disabledMessage(verdict, config);
    return { type: 'Disabled', status: 'True', reason: verdict.reason, message };
  }
  if (reactivated === undefined) {
    return { type: 'Disabled', status: 'False', reason: 'NotDisabled', message: 'It was never disabled.' };
  }
  const { at, by } = reactivated;
  const message = `Re-enabled at ${formatTime(at)} by ${waysToReactivate[by].done}.`;
  return { type: 'Disabled', status: 'False', reason: 'Reactivated', message };
}

function disabledMessage({ at, failingSince, message }: DisableVerdict, { delivery }: WebhookConfig): string {
  const ways = delivery.disable.reactivateBy.map((by) => waysToReactivate[by].todo);
  const parts = [`Disabled at ${formatTime(at)}: ${message}`];
  if (failingSince !== undefined) parts.push(`failing since ${formatTime(failingSince)}`);
  if (ways.length > 0) parts.push(`to re-enable it, ${ways.join(', or ')}`);
  return parts.join('; ');
}

function failingOf(state: WebhookState, config: WebhookConfig): SaidCondition {
  const { failingAfter } = config.delivery.disable;
  const { lastFailure, streak } = state;
  if (lastFailure === undefined || !isFailing(state, failingAfter)) {
    return { type: 'Failing', status: 'False', reason: 'Healthy', message: healthyMessage(streak, failingAfter) };
  }
  const message = failingMessage(state, lastFailure, config);
  return { type: 'Failing', status: 'True', reason: lastFailure.reason, message };
}
