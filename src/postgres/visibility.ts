import { sql } from 'kysely';
import { unseenBy } from '../model/snapshot.ts';
import type { Log } from '../runtime/log.ts';
import { pause } from '../runtime/retry.ts';
import type { UserDatabase } from './rows.ts';

const FIRST_MS = 1;
const LONGEST_MS = 250;
const WORTH_A_WORD_MS = 10_000;

/**
 * Waits until reads that begin from now on see what these transactions did. A commit is in the log, and on its way to
 * us, before its session shows it to others: by microseconds as a rule, by milliseconds on a busy machine, and for as
 * long as a synchronous standby takes to confirm it. `xids`: 32 bits, from the log's begin.
 *
 * Rejects with the signal's reason if the signal comes first.
 */
export async function untilVisible(
  db: UserDatabase,
  xids: Iterable<number>,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  const began = performance.now();
  let told = false;
  for (let waitMs = FIRST_MS, left = [...xids]; left.length > 0; waitMs = Math.min(2 * waitMs, LONGEST_MS)) {
    const { rows } = await sql<{ snapshot: string }>`select pg_current_snapshot()::text as snapshot`.execute(
      db,
    );
    left = unseenBy(rows[0]?.snapshot ?? '', left);
    if (left.length === 0) return;
    if (!told && performance.now() - began > WORTH_A_WORD_MS) {
      told = true;
      log.warn(
        { transactions: left.length },
        'changes are committed and cannot be read yet: their sessions may wait for a synchronous standby',
      );
    }
    await pause(waitMs, signal);
    signal.throwIfAborted();
  }
}
