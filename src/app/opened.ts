import type { Opened } from '../admin/monitor.ts';
import type { RowImage } from '../model/change.ts';
import type { RowKey } from '../model/ids.ts';
import { readEach } from '../postgres/read-rows.ts';
import { within } from '../runtime/retry.ts';
import { createTurns } from '../runtime/turns.ts';
import { createStore, type Sql } from '../state/sql.ts';
import { adminActions } from './admin-actions.ts';
import type { Installation } from './connections.ts';

/** Whoever looks at the dashboard takes up no more connections than that: the others are the sync's. */
const AT_ONCE = 3;
const ANSWER_MS = 10_000;
const CLAIM = { group: 'admin', slow: false };

/** What the admin port asks and does while both ends are open. */
export function openedTo(installation: Installation): Opened {
  const store = createStore(installation.pool, 0);
  const turns = createTurns({ all: AT_ONCE, perGroup: AT_ONCE, slow: AT_ONCE });
  const sql: Sql = {
    // One that takes too long keeps its place: else the next ones would take all connections one by one.
    query: (text, values) =>
      within(
        ANSWER_MS,
        'a question of the dashboard',
        turns.run(CLAIM, () => store.query(text, values)),
      ),
  };
  return { sql, readRow: rowReader(installation), actions: adminActions(installation) };
}

/** A row that cannot be read is not shown: its record's failure says why. */
const rowReader =
  ({ db, tables }: Installation) =>
  async (table: string, key: string): Promise<RowImage | null> => {
    const known = tables.find(({ name }) => name === table);
    if (known === undefined) return null;
    const { rows } = await within(ANSWER_MS, 'the row', readEach(db, known, [key as RowKey])).catch(() => ({
      rows: new Map<RowKey, RowImage>(),
    }));
    return rows.get(key as RowKey) ?? null;
  };
