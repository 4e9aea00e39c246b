/** What the kernel says of this machine and of its processes. Linux only: the numbers come from `/proc`. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

/** CPU time that a process used so far, in microseconds, of all its threads and in both modes; 0 once it is gone. */
export function cpuMicros(pid: number): number {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8')) * (1e6 / ticksPerSecond());
  } catch {
    return 0;
  }
}

/** `utime` + `stime` of a line of `/proc/<pid>/stat`, in clock ticks. */
export function parseStat(line: string): number {
  // The name of the program, in parentheses, may hold spaces and parentheses itself.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

export interface MemoryUse {
  readonly residentBytes: number;
  readonly peakBytes: number;
}

export function memoryUse(pid: number): MemoryUse {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { residentBytes: kibibytes(status, 'VmRSS'), peakBytes: kibibytes(status, 'VmHWM') };
}

function kibibytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
}

let ticks: number | undefined;

function ticksPerSecond(): number {
  ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks;
}

/** Microseconds of a clock that all processes of this machine share and that never goes back. */
export function sharedMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** One line for the report. */
export function machineDescription(): string {
  const info = readFileSync('/proc/cpuinfo', 'utf8');
  const model = /^model name\s*:\s*(.+)$/m.exec(info)?.[1] ?? process.arch;
  const memory = (totalmem() / 1024 ** 3).toFixed(0);
  return `${cpus().length} × ${model}, ${memory} GiB, Linux ${release()}, Node ${process.versions.node}`;
}

/** What else the machine is at: a benchmark on a busy one is worth nothing. */
export function loadWarning(): string | undefined {
  const [load = 0] = loadavg();
  const limit = cpus().length / 4;
  return load <= limit
    ? undefined
    : `The machine is busy (load ${load.toFixed(2)} on ${cpus().length} processors): don't trust these numbers.`;
}
