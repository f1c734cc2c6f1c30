import { Kysely, PostgresDialect } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createReadLog } from '../../src/app/log-read.ts';
import { createState, type StateStage } from '../support/state.ts';

let state: StateStage;
beforeAll(async () => {
  state = await createState();
});
afterAll(() => state.database.drop());

/** The times that those who ask together wait, in milliseconds, while nobody reads the log. */
async function waits(unread: AbortSignal): Promise<{ readonly answers: boolean[]; readonly ms: number }> {
  const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool: state.pool }) });
  const readLog = createReadLog(db, state.store, Buffer.alloc(32), unread);
  const began = performance.now();
  const first = readLog();
  // Asked while the first reading is under way: the next one answers them.
  const others = first.then(() => Promise.all([readLog(), readLog()]));
  return { answers: [await first, ...(await others)], ms: performance.now() - began };
}

test('invariant 9: a daemon whose capture has ended waits for no reading of the log', async () => {
  const capture = new AbortController();
  const asked = waits(capture.signal);
  capture.abort();
  const { answers, ms } = await asked;
  expect(answers).toEqual([false, false, false]);
  // Two readings in vain are six seconds.
  expect(ms).toBeLessThan(3_000);
});
