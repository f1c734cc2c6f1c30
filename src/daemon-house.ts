import type { Log } from './runtime/log.ts';
import { keepTrying, pause } from './runtime/retry.ts';
import { type Answer, pruneRequests, recordAnswers } from './state/requests.ts';
import type { Store } from './state/sql.ts';

const PRUNE_MS = 600_000;
const ANSWERS_MS = 2_000;

/** Writes answers to the ledger now and then, and forgets old lines. */
export async function keepHouse(
  store: Store,
  answers: Answer[],
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let pruned = Number.NEGATIVE_INFINITY;
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        await recordAnswers(store, answers.splice(0));
        if (performance.now() - pruned > PRUNE_MS) {
          await pruneRequests(store);
          pruned = performance.now();
        }
        healthy();
        await pause(ANSWERS_MS, signal);
      }
    },
    { name: 'housekeeping', log, signal, mayPass: () => true },
  );
}
