import type { TableName } from '../model/ids.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import { pruneActions } from '../state/admin-actions.ts';
import { pruneConflicts } from '../state/conflicts.ts';
import { endDoubts } from '../state/doubts.ts';
import { pruneLongValues } from '../state/long-values.ts';
import { pruneNotices } from '../state/notices.ts';
import { foldRecordCounts, recountRecords } from '../state/record-counts.ts';
import { type Answer, pruneRequests, recordAnswers } from '../state/requests.ts';
import { pruneHistory, pruneResting } from '../state/retention.ts';
import { pruneSightings } from '../state/sightings.ts';
import { sumUpHours } from '../state/slo.ts';
import type { Store } from '../state/sql.ts';

export type HousekeepingOptions = {
  readonly store: Store;
  /** Emptied as they are written. */
  readonly answers: Answer[];
  /** The tables of the configuration. */
  readonly tables: readonly TableName[];
  /** For how many days finished operations are kept. */
  readonly days: number;
  /** For how many days a deleted record is remembered. */
  readonly rememberDays: number;
  readonly log: Log;
};

const PRUNE_MS = 600_000;
const ANSWERS_MS = 2_000;
/** Longer than any request takes, and than its first tries. */
const DOUBT_SECONDS = 600;
/** A sweep reads them anew each day. */
const LONG_VALUE_DAYS = 14;

/** Writes answers to the ledger now and then, and forgets old lines: a batch each time, so that nobody waits for it. */
export async function housekeeping(
  { store, answers, tables, days, rememberDays, log }: HousekeepingOptions,
  signal: AbortSignal,
): Promise<void> {
  let pruned = Number.NEGATIVE_INFINITY;
  await keepTrying(
    async (healthy) => {
      await recountRecords(store);
      while (!signal.aborted) {
        await recordAnswers(store, answers.splice(0));
        if (performance.now() - pruned > PRUNE_MS) {
          await store.transaction(async (sql) => {
            await pruneRequests(sql);
            await pruneResting(sql, rememberDays);
            await pruneNotices(sql, rememberDays);
            await pruneConflicts(sql, days);
            await pruneActions(sql, days);
            await foldRecordCounts(sql);
            await pruneLongValues(sql, LONG_VALUE_DAYS);
            await pruneSightings(sql, days);
            await endDoubts(sql, { tables, days, graceSeconds: DOUBT_SECONDS });
          });
          // Before operations are forgotten, their hours have been summed up.
          const unsummed = await store.transaction(sumUpHours);
          const more = unsummed || (await pruneHistory(store, days));
          if (!more) pruned = performance.now();
        }
        healthy();
        await pause(ANSWERS_MS, signal);
      }
    },
    { name: 'housekeeping', log, signal, mayPass: () => true },
  );
}
