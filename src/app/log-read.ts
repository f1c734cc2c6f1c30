import { setTimeout } from 'node:timers/promises';
import type { UserDatabase } from '../postgres/rows.ts';
import { markLog } from '../postgres/wal-mark.ts';
import { isCaptured } from '../state/checkpoint.ts';
import type { Store } from '../state/sql.ts';

const STEP_MS = 20;
/** A transaction of any size may be on its way: nobody waits for that. */
const MOST_MS = 3_000;

/** Has the log read up to now: resolves once all that is committed is in the outbox, with false if that takes too long. */
export const createReadLog =
  (db: UserDatabase, store: Store, secret: Buffer) => async (): Promise<boolean> => {
    const mark = await markLog(db, secret);
    for (let waited = 0; !(await isCaptured(store, mark)); waited += STEP_MS) {
      if (waited >= MOST_MS) return false;
      await setTimeout(STEP_MS);
    }
    return true;
  };
