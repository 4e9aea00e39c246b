/**
 * Event patterns (`spec.events`) with the semantics of NATS subjects: `*` is one token, a last `>` is one or more. Types
 * that start with `webhook-operator.` are the operator's own: only a pattern that says so literally gets them,
 * or a webhook on `>` would be told about each of its own failures.
 */

/** Longest pattern that is accepted, in characters. */
export const maxPatternLength = 256;

/** First token of the operator's own event types. */
export const operationalToken = 'webhook-operator';
/** What every event type of the operator's own begins with. */
export const operationalPrefix = `${operationalToken}.`;

/** What is wrong with an event pattern, for a person; undefined when it is valid. */
export function patternProblem(pattern: string): string | undefined {
  if (pattern === '') return 'must not be empty';
  if (pattern.length > maxPatternLength) return `must be at most ${maxPatternLength} characters long`;
  if (/[\s\p{Cc}]/u.test(pattern)) return 'must not contain whitespace or control characters';
  const tokens = pattern.split('.');
  for (const [index, token] of tokens.entries()) {
    if (token === '') return 'must not have an empty token (a dot at the start, at the end, or two in a row)';
    if (token === '>' && index < tokens.length - 1) return '">" must be the last token';
    if (token.length > 1 && /[*>]/.test(token)) return `"*" and ">" must stand alone as a token, not as in "${token}"`;
  }
  return undefined;
}

/** Whether one of a webhook's patterns wants the type; for single deliveries (retries, backlog). */
export function matchesAnyPattern(patterns: readonly string[], type: string): boolean {
  const tokens = type.split('.');
  const operational = type.startsWith(operationalPrefix);
  return patterns.some(
    (pattern) => (!operational || pattern.startsWith(operationalPrefix)) && matchesTokens(pattern.split('.'), tokens),
  );
}

function matchesTokens(pattern: readonly string[], tokens: readonly string[]): boolean {
  for (const [index, expected] of pattern.entries()) {
    if (index >= tokens.length) return false;
    if (expected === '>') return true;
    if (expected !== '*' && expected !== tokens[index]) return false;
  }
  return pattern.length === tokens.length;
}
