/** Loaded before the version of Node is known, so that it imports nothing. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const;

/**
 * The kernel drops signals that the first process of a container has no listener for, so that a command could not be
 * stopped but by a kill. This ends the process as the default of any other would, unless somebody else listens.
 */
export function endOnSignals(): void {
  if (process.pid !== 1) return;
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(128 + number);
    });
  }
}
