import { pause } from './retry.ts';

/** A bell between two loops: ringing it while nobody waits is remembered once. */
export type Wake = {
  readonly ring: () => void;
  /** Resolves at the next ring, after `ms`, or when the signal comes, whichever is first. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
};

export function createWake(): Wake {
  let rung = false;
  let release: (() => void) | null = null;
  return {
    ring: () => {
      rung = true;
      release?.();
    },
    wait: async (ms, signal) => {
      if (!rung) {
        const bell = new AbortController();
        release = () => bell.abort();
        await pause(ms, AbortSignal.any([signal, bell.signal]));
        release = null;
      }
      rung = false;
    },
  };
}
