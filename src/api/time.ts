import { z } from 'zod';

/** An RFC 3339 time, as the API server checks it (`format: date-time`). */
export const timeSchema = z
  .string()
  .max(64)
  .refine((text) => /^\d{4}-\d\d-\d\d[Tt]/.test(text) && !Number.isNaN(Date.parse(text)), 'must be an RFC 3339 time')
  .meta({ format: 'date-time' });

/** Milliseconds since the epoch as Kubernetes writes times: RFC 3339 in UTC, whole seconds. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
