import type { WalEvent } from '../model/change.ts';
import type { PgnotionError } from '../model/errors.ts';

const MOST_EVENTS = 10_000;
const MOST_BYTES = 8 * 1024 * 1024;

export type WalQueue = {
  readonly push: (event: WalEvent, bytes: number) => void;
  /** No more events: `batches` ends, or throws the error, once it has given what is queued. */
  readonly end: (error: PgnotionError | null) => void;
  /** Whether the source has been asked to hold. */
  readonly paused: () => boolean;
  readonly batches: () => AsyncGenerator<readonly WalEvent[], void, void>;
};

/** A queue between the socket and one consumer that holds the source up when it is full (invariant 12). */
export function createWalQueue(source: {
  readonly pause: () => void;
  readonly resume: () => void;
}): WalQueue {
  let events: WalEvent[] = [];
  let bytes = 0;
  let paused = false;
  let outcome: { readonly error: PgnotionError | null } | null = null;
  let wake = (): void => undefined;
  async function* batches(): AsyncGenerator<readonly WalEvent[], void, void> {
    for (;;) {
      if (events.length > 0) {
        const batch = events;
        events = [];
        bytes = 0;
        if (paused && !outcome) {
          paused = false;
          source.resume();
        }
        yield batch;
      } else if (outcome) {
        if (outcome.error) throw outcome.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  return {
    push: (event, size) => {
      // Of keepalives in a row only the last says anything.
      if (event.kind === 'keepalive' && events.at(-1)?.kind === 'keepalive') events.pop();
      events.push(event);
      bytes += size;
      if (!paused && (events.length >= MOST_EVENTS || bytes >= MOST_BYTES)) {
        paused = true;
        source.pause();
      }
      wake();
    },
    end: (error) => {
      outcome ??= { error };
      wake();
    },
    paused: () => paused,
    batches,
  };
}
