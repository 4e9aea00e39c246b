import type { NewCondition } from '../api/conditions.ts';
import { findCondition } from '../api/conditions.ts';
import { annotations } from '../api/metadata.ts';
import { formatTime } from '../api/time.ts';
import { hasProved, type Verification, type WebhookState } from '../delivery/webhook-state.ts';
import type { LaneView, VerificationProgress } from './lane-view.ts';
import type { Resolution } from './resolution.ts';
import type { ProjectionInput } from './status-projection.ts';

type Ungenerated<C> = C extends NewCondition ? Omit<C, 'observedGeneration'> : never;
/** A condition before it gets the generation. */
export type SaidCondition = Ungenerated<NewCondition>;

/** Whether the URL has proved itself as far as the class asks for it now. */
export function isURLVerified(
  { urlHash, config }: Pick<Resolution, 'urlHash' | 'config'>,
  state: WebhookState,
): boolean {
  return hasProved(state, urlHash, config?.verification ?? 'None');
}

/**
 * The condition `Verified`; `Kept` = as it stands in status. Tries are counted in memory only: after a restart the failure in status stays until there is
 * news, unless the spec has changed.
 * @param isTrying nothing else keeps the URL from being tried.
 */
export function verifiedCondition(
  { previous, resolution, verification }: ProjectionInput,
  lane: LaneView | undefined,
  isTrying: boolean,
): Extract<SaidCondition, { type: 'Verified' }> | 'Kept' {
  const before = findCondition(previous?.conditions, 'Verified');
  const proof = lane?.state.verification;
  if (lane !== undefined && proof !== undefined && isURLVerified(resolution, lane.state)) {
    return { type: 'Verified', status: 'True', reason: proof.reason, message: proofMessage(proof) };
  }
  if (verification?.lastFailure !== undefined) {
    const { reason, message } = verification.lastFailure;
    return { type: 'Verified', status: 'False', reason, message: `${message}; ${outlookOf(verification)}` };
  }
  const isNews = before?.status !== 'False' || before.observedGeneration !== resolution.generation;
  if (before !== undefined && (lane === undefined || !isNews)) return 'Kept';
  const message = isTrying ? 'The first try is under way.' : 'The URL has not proved itself yet; see Active.';
  return { type: 'Verified', status: 'Unknown', reason: 'Verifying', message };
}

const proofs = {
  ChallengeAnswered: 'The receiver answered the challenge',
  HandshakeAnswered: 'The receiver answered the CloudEvents handshake',
  NotRequired: 'The class asks for no verification; so since',
} as const satisfies Record<Verification['reason'], string>;

function proofMessage({ reason, at }: Verification): string {
  return `${proofs[reason]}${reason === 'NotRequired' ? '' : ' at'} ${formatTime(at)}.`;
}

function outlookOf({ tries, nextTryAt, exhausted }: VerificationProgress): string {
  if (exhausted) {
    return `the last of ${tries} tries: change the spec, or give the annotation ${annotations.reactivate} a new value, to have it tried again`;
  }
  const again = nextTryAt === undefined ? '' : `, again at ${formatTime(nextTryAt)}`;
  return `tried ${tries === 1 ? 'once' : `${tries} times`}${again}`;
}
