import { OperatorError } from '../errors.ts';

/** The event can't be sent in the form that its webhook asks for. Waiting doesn't help: it is dead-lettered. */
export class PayloadInvalidError extends OperatorError {
  readonly code = 'WHO_PAYLOAD_INVALID';
}
