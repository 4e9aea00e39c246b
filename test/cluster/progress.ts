/** Tells a person what long work is at, without flooding a log. */
export interface Progress {
  /** A line that stays. */
  say(line: string): void;
  /** What the work is at now: replaces the last one on a terminal, at most one line in ten seconds elsewhere. */
  at(state: string): void;
}

export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const quietFor = 10_000;

/** Writes to `output`; defaults to standard error, so that it never mixes with what a command answers. */
export function progressTo(
  output: ProgressOutput = process.stderr,
  now: () => number = () => performance.now(),
): Progress {
  let lastAt = now();
  let open = false;
  return {
    say: (line) => {
      output.write(`${open ? '\r\u001B[K' : ''}${line}\n`);
      open = false;
      lastAt = now();
    },
    at: (state) => {
      if (output.isTTY === true) {
        output.write(`\r\u001B[K${state.slice(0, Math.max(20, (output.columns ?? 80) - 1))}`);
        open = true;
      } else if (now() - lastAt >= quietFor) {
        output.write(`${state}\n`);
        lastAt = now();
      }
    },
  };
}

/** Minutes and seconds for people: `3m05s`, `42s`. */
export function spoken(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
}
