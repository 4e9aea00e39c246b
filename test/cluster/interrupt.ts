const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP. Later ones are ignored, because one Ctrl-C may arrive twice: from the terminal
 * and passed on by npm.
 */
export function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    // Signal handlers alone don't keep a process alive.
    const keepAlive = setInterval(() => undefined, 2 ** 30);
    for (const signal of signals) {
      process.on(signal, () => {
        clearInterval(keepAlive);
        resolve();
      });
    }
  });
}
