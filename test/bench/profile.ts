/** Reads a CPU profile of V8: which functions, and which files, the time of a measurement went to. */

export interface CPUProfile {
  readonly nodes: readonly ProfileNode[];
  /** µs of the monotonic clock. */
  readonly startTime: number;
  readonly samples: readonly number[];
  /** µs between each sample and the one before. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** From 0. */
    readonly lineNumber: number;
  };
}

export interface SelfTime {
  readonly name: string;
  /** Of the time in which the thread was not idle. */
  readonly share: number;
}

export interface ProfileSummary {
  readonly files: readonly SelfTime[];
  readonly functions: readonly SelfTime[];
  /** Of the window, in which the main thread did anything. */
  readonly busyShare: number;
}

/** Self times within a window of the monotonic clock, largest first. `root`: what is left out of the names of files. */
export function summarizeProfile(
  profile: CPUProfile,
  window: { readonly fromMicros: number; readonly untilMicros: number },
  root: string,
): ProfileSummary {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const files = new Map<string, number>();
  const functions = new Map<string, number>();
  let at = profile.startTime;
  let idle = 0;
  let busy = 0;
  profile.samples.forEach((id, index) => {
    // A sample stands for the time until the next one.
    at += profile.timeDeltas[index] ?? 0;
    const time = profile.timeDeltas[index + 1] ?? 0;
    const frame = frames.get(id);
    if (frame === undefined || at < window.fromMicros || at > window.untilMicros) return;
    if (frame.functionName === '(idle)') {
      idle += time;
      return;
    }
    busy += time;
    const file = fileOf(frame.url, root);
    add(files, file === '' ? frame.functionName : file, time);
    add(
      functions,
      file === '' ? frame.functionName : `${frame.functionName || '(anonymous)'} ${file}:${frame.lineNumber + 1}`,
      time,
    );
  });
  return { files: sorted(files, busy), functions: sorted(functions, busy), busyShare: busy / (busy + idle) };
}

function fileOf(url: string, root: string): string {
  const path = url.startsWith('file://') ? decodeURIComponent(url.slice('file://'.length)) : url;
  return path.startsWith(root) ? path.slice(root.length) : path;
}

function add(times: Map<string, number>, name: string, time: number): void {
  times.set(name, (times.get(name) ?? 0) + time);
}

function sorted(times: ReadonlyMap<string, number>, total: number): SelfTime[] {
  return [...times].map(([name, time]) => ({ name, share: time / total })).sort((a, b) => b.share - a.share);
}
