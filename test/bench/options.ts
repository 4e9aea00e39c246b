import { parseArgs } from 'node:util';
import { OperatorError } from '../../src/errors.ts';
import { cellsFor, type Cell } from './cells.ts';

/** An argument of `npm run bench` that makes no sense. */
export class BenchOptionError extends OperatorError {
  readonly code = 'WHO_BENCH_OPTION';
}

export interface BenchOptions {
  readonly cells: readonly Cell[];
  /** Measurements of each side in each cell. */
  readonly runs: number;
  /** Events in one throughput measurement. */
  readonly events: number;
  /** Events published one by one in one fan-out measurement. */
  readonly fanOutEvents: number;
  /** Length of one latency measurement at {@link latencyRate}. */
  readonly latencySeconds: number;
  readonly latencyRate: number;
  /** `delivery.concurrency` of the Webhooks. */
  readonly concurrency: number;
  /** Requests in flight of the bare loop. */
  readonly bareInFlight: number;
  /** Writes a CPU profile of the operator instead of measuring both sides. */
  readonly profile: boolean;
  /** Where the profile goes. */
  readonly profileFolder: string;
}

export const usage = `npm run bench -- [options]
  --only <names>             only these cells, comma-separated: one-namespace-<n>, many-namespaces-<n>, fan-out-<n>
  --webhooks <numbers>       numbers of Webhooks, comma-separated (1,100,1000,10000)
  --fan-out <number>         Webhooks that one event goes to (1000)
  --runs <number>            measurements of each side in each cell; the table shows medians (3)
  --events <number>          events in one throughput measurement (200000)
  --fan-out-events <number>  events in one fan-out measurement (50)
  --latency-seconds <number> length of one latency measurement (10), 0 = none
  --latency-rate <number>    events a second in it (1000)
  --concurrency <number>     delivery.concurrency of the Webhooks (64)
  --bare-in-flight <number>  requests in flight of the bare loop (64)
  --profile                  a CPU profile of the operator in one cell (the first, or --only) instead of the comparison
  --profile-folder <path>    where the profile goes (dist/profile)
  --help`;

/** Undefined when only help was asked for. Throws {@link BenchOptionError}. */
export function parseBenchOptions(args: readonly string[]): BenchOptions | undefined {
  const values = parsed(args);
  if (values.help) return undefined;
  const number = (name: keyof typeof values, minimum: number): number =>
    numberOf(`--${name}`, String(values[name]), minimum);
  const webhooks = values.webhooks.split(',').map((text) => numberOf('--webhooks', text, 1));
  const cells = selected(cellsFor([...new Set(webhooks)], number('fan-out', 1)), values.only);
  return {
    cells: values.profile ? cells.slice(0, 1) : cells,
    runs: number('runs', 1),
    events: number('events', 1000),
    fanOutEvents: number('fan-out-events', 1),
    latencySeconds: number('latency-seconds', 0),
    latencyRate: number('latency-rate', 1),
    concurrency: number('concurrency', 1),
    bareInFlight: number('bare-in-flight', 1),
    profile: values.profile,
    profileFolder: values['profile-folder'],
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        webhooks: { type: 'string', default: '1,100,1000,10000' },
        'fan-out': { type: 'string', default: '1000' },
        runs: { type: 'string', default: '3' },
        events: { type: 'string', default: '200000' },
        'fan-out-events': { type: 'string', default: '50' },
        'latency-seconds': { type: 'string', default: '10' },
        'latency-rate': { type: 'string', default: '1000' },
        concurrency: { type: 'string', default: '64' },
        'bare-in-flight': { type: 'string', default: '64' },
        profile: { type: 'boolean', default: false },
        'profile-folder': { type: 'string', default: 'dist/profile' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    throw new BenchOptionError(`${cause instanceof Error ? cause.message : String(cause)}\n${usage}`, { cause });
  }
}

function numberOf(name: string, text: string, minimum: number): number {
  const value = /^\d{1,9}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(value >= minimum)) throw new BenchOptionError(`${name} must be a whole number of at least ${minimum}: ${text}`);
  return value;
}

function selected(cells: readonly Cell[], only: string | undefined): Cell[] {
  if (only === undefined) return [...cells];
  const names = only.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !cells.some((cell) => cell.name === name));
  if (unknown.length > 0) {
    const known = cells.map(({ name }) => name).join(', ');
    throw new BenchOptionError(
      `--only names no cell with ${unknown.join(', ')}; with these options there are ${known}`,
    );
  }
  return cells.filter(({ name }) => names.includes(name));
}
