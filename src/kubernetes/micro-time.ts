/** A time as the API server's MicroTime wants it: RFC 3339 with exactly six digits. */
export function microTime(wallClockMs: number): string {
  return new Date(wallClockMs).toISOString().replace('Z', '000Z');
}
