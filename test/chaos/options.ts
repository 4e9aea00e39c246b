import { parseArgs } from 'node:util';

export interface ChaosArguments {
  readonly minutes: number;
  readonly seed: number;
  readonly replicas: number;
  /** Three NATS servers with three copies of every stream. */
  readonly r3: boolean;
  /** Events a second. */
  readonly rate: number;
}

export const usage = 'usage: npm run chaos -- [--minutes N] [--seed N] [--replicas N] [--r3] [--rate N]';

/** Throws RangeError or TypeError for what makes no sense. */
export function parseChaosArguments(args: readonly string[]): ChaosArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      replicas: { type: 'string', default: '2' },
      r3: { type: 'boolean', default: false },
      rate: { type: 'string', default: '30' },
    },
  });
  return {
    minutes: positive('--minutes', values.minutes),
    seed: whole('--seed', values.seed, 0),
    replicas: whole('--replicas', values.replicas, 1),
    r3: values.r3,
    rate: positive('--rate', values.rate),
  };
}

function positive(name: string, value: string): number {
  const number = Number(value);
  if (!(number > 0 && Number.isFinite(number))) throw new RangeError(`${name} must be above 0, not ${value}`);
  return number;
}

function whole(name: string, value: string, lowest: number): number {
  if (!/^\d{1,9}$/.test(value) || Number(value) < lowest) {
    throw new RangeError(`${name} must be a whole number from ${lowest} on, not ${value}`);
  }
  return Number(value);
}
