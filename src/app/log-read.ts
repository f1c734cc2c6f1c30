import { setTimeout } from 'node:timers/promises';
import type { UserDatabase } from '../postgres/rows.ts';
import { markLog } from '../postgres/wal-mark.ts';
import { isCaptured } from '../state/checkpoint.ts';
import type { Store } from '../state/sql.ts';

const STEP_MS = 20;
/** A transaction of any size may be on its way: nobody waits for that. */
const MOST_MS = 3_000;

/**
 * Has the log read up to now: resolves once all that is committed is in the outbox, with false if that takes too long or,
 * at once, if nobody reads the log any more (`unread`), so that a daemon that stops waits for nothing. Those who ask while it
 * is being read are answered together by the reading after that one.
 */
export function createReadLog(
  db: UserDatabase,
  store: Store,
  secret: Buffer,
  unread: AbortSignal,
): () => Promise<boolean> {
  let last: Promise<unknown> = Promise.resolve();
  let coming: Promise<boolean> | null = null;
  const next = async (): Promise<boolean> => {
    await last;
    coming = null;
    return unread.aborted ? false : readUpToNow(db, store, secret, unread);
  };
  return () => {
    if (coming === null) {
      coming = next();
      last = coming.catch(() => undefined);
    }
    return coming;
  };
}

async function readUpToNow(
  db: UserDatabase,
  store: Store,
  secret: Buffer,
  unread: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + MOST_MS;
  const mark = await markLog(db, secret);
  while (!(await isCaptured(store, mark))) {
    if (unread.aborted || performance.now() >= deadline) return false;
    await setTimeout(STEP_MS);
  }
  return true;
}
