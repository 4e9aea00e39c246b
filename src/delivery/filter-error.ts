import { ParseError, TypeError as CheckError } from '@marcbachmann/cel-js';

import { OperatorError, messageOf } from '../errors.ts';

/** The filter can't be used. The message says what is wrong and where. */
export class FilterError extends OperatorError {
  readonly code = 'WHO_FILTER_INVALID';
}

/** The filter can't decide about one event, for example because a field is missing. It counts as no match. */
export class FilterEvaluationError extends OperatorError {
  readonly code = 'WHO_FILTER_EVALUATION';
}

/**
 * `type` is a constant of CEL that can't be declared again. It is replaced by a name of the same length, so that positions
 * in messages stay those of the user's text.
 */
export const typeAlias = '_typ';

/** What the parser or the type checker says, with the place in the user's text. */
export function invalidFilter(error: unknown, source: string): FilterError {
  const range = error instanceof ParseError || error instanceof CheckError ? error.range : undefined;
  const where = range === undefined ? '' : ` at ${position(source, range.start)}`;
  return new FilterError(`The filter is invalid${where}: ${summaryOf(error)}`, { cause: error });
}

export function undecided(error: unknown): FilterEvaluationError {
  return new FilterEvaluationError(`The filter can't decide: ${summaryOf(error)}`, { cause: error });
}

/** The place of a character for a person, counted from 1. */
export function position(source: string, offset: number): string {
  const before = source.slice(0, offset);
  const line = before.split('\n').length;
  const column = before.length - before.lastIndexOf('\n');
  return line === 1 ? `column ${column}` : `line ${line}, column ${column}`;
}

/** The first line: the library draws the place below it. */
function summaryOf(error: unknown): string {
  return messageOf(error)
    .replace(/\n[^]*$/, '')
    .replaceAll(typeAlias, 'type');
}
