/** Events of exactly 1 KiB of JSON that carry the time at which they were published. */
export const payloadBytes = 1024;

const head = '{"t":"';
const digits = 16;
const tail = `","text":"`;
const end = '"}';

/** @param micros of the clock that all processes share */
export function payloadAt(micros: number): Buffer {
  const filler = 'x'.repeat(payloadBytes - head.length - digits - tail.length - end.length);
  return Buffer.from(`${head}${stamp(micros)}${tail}${filler}${end}`);
}

/** The time in a payload that begins at `start`. */
export function stampOf(bytes: Buffer, start: number): number {
  return Number(bytes.toString('latin1', start + head.length, start + head.length + digits));
}

function stamp(micros: number): string {
  return String(micros).padStart(digits, '0');
}
