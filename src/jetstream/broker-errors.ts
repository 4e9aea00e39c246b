/**
 * What the client and the server call a failure, told in the kinds of the port. Pure.
 */
import { errors } from '@nats-io/transport-node';
import { messageOf } from '../errors.ts';
import { BrokerError, type BrokerErrorKind } from './broker.ts';

/** The `error` object of a JetStream API response. */
export interface ApiError {
  /** Like an HTTP status. */
  readonly code: number;
  readonly err_code?: number;
  readonly description?: string;
}

/** Codes of the server's `errors.json` that mean something of their own to us. */
export const apiErrorCodes = {
  consumerNotFound: 10014,
  messageNotFound: 10037,
  storageExceeded: 10047,
  messageTooLarge: 10054,
  streamNameInUse: 10058,
  streamNotFound: 10059,
  wrongLastSequence: 10071,
  storeFailed: 10077,
  consumerExists: 10148,
  consumerDoesNotExist: 10149,
  wrongLastSequenceUnknown: 10164,
} as const;

const kinds = new Map<number, BrokerErrorKind>([
  [10002, 'StreamFull'], // the account's resource limits
  [10008, 'Unavailable'], // JetStream temporarily unavailable
  [10009, 'Unavailable'], // not the cluster's leader
  [10012, 'Rejected'],
  [10028, 'StreamFull'], // memory limit
  [apiErrorCodes.consumerNotFound, 'ConsumerNotFound'],
  [apiErrorCodes.storageExceeded, 'StreamFull'],
  [apiErrorCodes.messageTooLarge, 'TooLarge'],
  [apiErrorCodes.streamNotFound, 'StreamNotFound'],
  [apiErrorCodes.wrongLastSequence, 'WrongLastSequence'],
  [10118, 'Unavailable'], // the stream's servers are offline
  [apiErrorCodes.wrongLastSequenceUnknown, 'WrongLastSequence'],
  [10167, 'Unavailable'], // too many requests
]);

/** The kind of a refusal in a JetStream API response or a publish confirmation. */
function kindOfApiError(error: ApiError): BrokerErrorKind {
  const description = (error.description ?? '').toLowerCase();
  if (error.err_code === apiErrorCodes.storeFailed) {
    // One code for every way in which a store refuses; only the words tell them apart.
    if (description.includes('per subject exceeded')) return 'SubjectFull';
    if (description.includes('maximum bytes exceeded') || description.includes('maximum messages exceeded')) {
      return 'StreamFull';
    }
    if (description.includes('no space left') || description.includes('resource')) return 'StreamFull';
    return 'Unavailable';
  }
  const kind = error.err_code === undefined ? undefined : kinds.get(error.err_code);
  if (kind !== undefined) return kind;
  return error.code === 503 || error.code === 504 ? 'Unavailable' : 'Rejected';
}

/** A refusal by the server, with the code that it gave. */
export class ApiRefusal extends BrokerError {
  readonly apiCode: number | undefined;

  constructor(error: ApiError, doing: string) {
    const code = error.err_code === undefined ? '' : ` (${error.err_code})`;
    super(kindOfApiError(error), `${doing}: ${error.description ?? `status ${error.code}`}${code}`);
    this.apiCode = error.err_code;
  }
}

/** Anything that the client threw: what the connection could not confirm is `Unavailable`. */
export function fromClientError(error: unknown, doing: string): BrokerError {
  if (error instanceof BrokerError) return error;
  return new BrokerError(kindOfClientError(error), `${doing}: ${messageOf(error)}`, { cause: error });
}

function kindOfClientError(error: unknown): BrokerErrorKind {
  const cause = error instanceof Error ? error.cause : undefined;
  if (error instanceof errors.PermissionViolationError || cause instanceof errors.PermissionViolationError) {
    return 'Rejected';
  }
  if (error instanceof errors.InvalidArgumentError || error instanceof errors.InvalidSubjectError) {
    return messageOf(error).includes('max_payload') ? 'TooLarge' : 'Rejected';
  }
  return 'Unavailable';
}
