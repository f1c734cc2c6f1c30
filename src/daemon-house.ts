import type { Log } from './runtime/log.ts';
import { keepTrying, pause } from './runtime/retry.ts';
import { pruneNotices } from './state/notices.ts';
import { pruneResting } from './state/records.ts';
import { type Answer, pruneRequests, recordAnswers } from './state/requests.ts';
import type { Store } from './state/sql.ts';

const PRUNE_MS = 600_000;
const ANSWERS_MS = 2_000;

export type House = {
  readonly store: Store;
  /** Answers that have not been written to the ledger yet. */
  readonly answers: Answer[];
  readonly rememberDays: number;
  readonly log: Log;
};

/** Writes answers to the ledger now and then, and forgets what is old. */
export async function keepHouse(
  { store, answers, rememberDays, log }: House,
  signal: AbortSignal,
): Promise<void> {
  let pruned = Number.NEGATIVE_INFINITY;
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        await recordAnswers(store, answers.splice(0));
        if (performance.now() - pruned > PRUNE_MS) {
          await store.transaction(async (sql) => {
            await pruneRequests(sql);
            await pruneResting(sql, rememberDays);
            await pruneNotices(sql, rememberDays);
          });
          pruned = performance.now();
        }
        healthy();
        await pause(ANSWERS_MS, signal);
      }
    },
    { name: 'housekeeping', log, signal, mayPass: () => true },
  );
}
