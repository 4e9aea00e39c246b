import { setTimeout as delay } from 'node:timers/promises';

/** Polls until `check` is true; fails with `what` after `timeoutMs`. An error of `check` means "not yet". */
export async function until(what: string, check: () => boolean | Promise<boolean>, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (
    !(await Promise.resolve()
      .then(check)
      .catch(() => false))
  ) {
    if (performance.now() > deadline) throw new Error(`Did not happen within ${timeoutMs} ms: ${what}`);
    await delay(200);
  }
}
