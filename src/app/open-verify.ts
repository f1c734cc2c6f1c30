import type { TableName } from '../model/ids.ts';
import { createPeople } from '../notion/people.ts';
import type { VerifyContext } from '../reconcile/verify-context.ts';
import { tagSecret } from '../state/secret.ts';
import { readSource, type Source } from '../state/sources.ts';
import { createStore, inCommandTransaction, type Store } from '../state/sql.ts';
import { type Installation, openNotion } from './connections.ts';
import { createReadLog } from './log-read.ts';
import { createSettleRelations } from './settle-relations.ts';
import { sourceUnknown } from './source-unknown.ts';
import { noticedMs, pageLister } from './verify.ts';

/** What a command compares with, beside a daemon or without one. Gives it to `work` and closes it. */
export async function withVerify<T>(
  installation: Installation,
  tell: (text: string) => void,
  work: (context: VerifyContext) => Promise<T>,
): Promise<T> {
  const { notion, throttle } = openNotion(installation);
  const stop = new AbortController();
  try {
    const { db, log, pool } = installation;
    // A command runs beside the daemon, and takes nothing over from it.
    const store: Store = {
      ...createStore(pool, 0),
      transaction: (inside) => inCommandTransaction(pool, inside),
    };
    const sourceOf = async (name: TableName): Promise<Source> => {
      const source = await readSource(store, name);
      if (source === null) throw sourceUnknown(name);
      return source;
    };
    return await work({
      store,
      db,
      log,
      tell,
      notion,
      people: createPeople(notion),
      tables: new Map(installation.tables.map((table) => [table.name, table])),
      listPages: pageLister(notion, log),
      settleRelations: createSettleRelations({ store, notion, sourceOf, readOnly: true }),
      readLog: createReadLog(db, store, await tagSecret(store), stop.signal),
      noticedMs: noticedMs(installation),
      priority: 'sweep',
      signal: stop.signal,
    });
  } finally {
    stop.abort();
    await throttle.stop();
  }
}
