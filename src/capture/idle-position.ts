import type { Lsn } from '../model/ids.ts';

type IdlePosition = {
  /** Called with a position before which everything is stored, though no change of ours ends there. */
  readonly at: (position: Lsn) => Promise<void>;
};

/** WAL that the server may keep for us longer than it must, so as not to store a position for each keepalive. */
const FAR_BYTES = 1n << 20n;
const FAR_MS = 250;
const NEAR_MS = 5_000;

/**
 * Acknowledges positions between our transactions, each only once it is stored that it may have been acknowledged: a slot
 * that stands further was moved by somebody else. Storing writes WAL, of which the server tells by another keepalive, so
 * it is done at most every five seconds, or sooner if much WAL would be kept.
 */
export function createIdlePosition(options: {
  readonly record: (position: Lsn) => Promise<void>;
  readonly acknowledge: (position: Lsn) => void;
  readonly now: () => number;
}): IdlePosition {
  let recorded = 0n;
  let recordedMs = Number.NEGATIVE_INFINITY;
  return {
    at: async (position) => {
      if (position > recorded) {
        const restMs = position - recorded > FAR_BYTES ? FAR_MS : NEAR_MS;
        if (options.now() - recordedMs < restMs) return;
        await options.record(position);
        recorded = position;
        recordedMs = options.now();
      }
      options.acknowledge(position);
    },
  };
}
