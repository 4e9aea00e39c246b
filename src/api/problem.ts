import type { z } from 'zod';

/** Something wrong with a spec: where (`spec.delivery.retry.schedule`), and what to do about it. */
export interface Problem {
  readonly field: string;
  readonly message: string;
}

/** One line for a condition or an Event. */
export function describeProblems(problems: readonly Problem[]): string {
  return problems.map(({ field, message }) => `${field}: ${message}`).join('; ');
}

/** The issues of a zod parse as problems; values are not repeated, they may be secret. */
export function problemsOf(error: z.ZodError): Problem[] {
  return error.issues.map((issue) => ({ field: pathOf(issue.path), message: issue.message }));
}

function pathOf(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) text += typeof key === 'number' ? `[${key}]` : text === '' ? String(key) : `.${String(key)}`;
  return text;
}
