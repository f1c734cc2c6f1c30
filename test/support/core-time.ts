import { readFileSync } from 'node:fs';

const SAMPLE_MS = 20;

/**
 * How many milliseconds `work` takes for a machine that always has a core to spare: the time that the process of this
 * id, or Notion and the clock in this one, stood ready to run while the cores were taken does not count. What a daemon
 * promises within a time it promises of its own doing, and not of what else a machine is busy with.
 */
export async function ownTime(pid: number, work: () => unknown): Promise<number> {
  const waits = [pid, process.pid].map(waitsOf);
  const timer = setInterval(() => waits.forEach((look) => void look()), SAMPLE_MS);
  const began = performance.now();
  try {
    await work();
    return performance.now() - began - waits.reduce((sum, look) => sum + look(), 0);
  } finally {
    clearInterval(timer);
  }
}

/** Gives how long a process has waited for a core since now, or until it ended. Only Linux tells: 0 elsewhere. */
function waitsOf(pid: number): () => number {
  const read = (): number => {
    try {
      // Nanoseconds on a core, nanoseconds ready without one, and how often.
      return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
    } catch {
      return 0;
    }
  };
  const from = read();
  let most = from;
  return () => {
    most = Math.max(most, read());
    return most - from;
  };
}
