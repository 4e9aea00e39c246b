import { OperatorError } from '../errors.ts';
import { z } from 'zod';
import type { Rule } from './rules.ts';
import { withRules } from './rules.ts';

/** A text that is not a duration as the API takes them. */
export class InvalidDurationError extends OperatorError {
  readonly code = 'WHO_DURATION_INVALID';
}

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
type Unit = keyof typeof unitMs;
const units: readonly Unit[] = ['h', 'm', 's', 'ms'];

// Go's syntax, narrowed so that no sum can overflow Go's 64-bit nanoseconds: the API server's duration() would fail then.
const pattern = '^([0-9]{1,5}([.][0-9]{1,3})?(ms|s|m|h)){1,4}$';
const whole = new RegExp(pattern);
const part = /([0-9.]+)(ms|s|m|h)/g;

/** Milliseconds of a Go duration (`1h30m`, `500ms`, `1.5s`; no days), rounded. Throws {@link InvalidDurationError}. */
export function parseDuration(text: string): number {
  if (!whole.test(text))
    throw new InvalidDurationError(`"${text}" is not a duration: write one like 1h30m, 15s or 500ms`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(part)) total += Number(amount) * unitMs[unit as Unit];
  return Math.round(total);
}

/** The shortest Go duration of whole milliseconds: `5400000` is `1h30m`, `0` is `0s`. Hours are not folded into days. */
export function formatDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const unit of units) {
    const amount = Math.floor(rest / unitMs[unit]);
    rest -= amount * unitMs[unit];
    if (amount > 0) text += `${amount}${unit}`;
  }
  return text === '' ? '0s' : text;
}

function between(name: string, min: string, max: string): Rule<string> {
  const [minMs, maxMs] = [parseDuration(min), parseDuration(max)];
  return {
    cel: `self.matches(r'${pattern}') && duration(self) >= duration('${min}') && duration(self) <= duration('${max}')`,
    message: `${name} must be a duration like 1h30m, 15s or 500ms (no days) between ${min} and ${max}`,
    test: (value) => {
      if (!whole.test(value)) return false;
      const ms = parseDuration(value);
      return ms >= minMs && ms <= maxMs;
    },
  };
}

/** The schema of a duration field. `name` is what messages call it; both bounds are inclusive durations. */
export function durationBetween(name: string, min: string, max: string): z.ZodString {
  return withRules(z.string().min(2).max(32), [between(name, min, max)]);
}
