import { referencedTables } from '../model/consequence.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { presentEach } from '../postgres/read-rows.ts';
import { releaseRefusedDeletions } from '../state/edits.ts';
import type { OutboxEntry } from '../state/outbox.ts';
import { type Quiet, settleQuietEntries } from '../state/quiet-entries.ts';
import type { SyncContext } from '../sync/context.ts';
import { type Pairs, readPairs } from './read-pairs.ts';
import { hasNews } from './update.ts';

/**
 * Ends in one statement the entries of rows that came and went without a page. Gives the others. Nothing but keys is read,
 * so there may be many.
 */
export async function settleGone(
  context: SyncContext,
  table: ResolvedTable,
  entries: readonly OutboxEntry[],
): Promise<readonly OutboxEntry[]> {
  const deleted = entries.filter(({ kind, restore }) => kind === 'delete' && restore.length === 0);
  if (deleted.length === 0) return entries;
  const keys = deleted.map(({ key }) => key);
  const { present, broken } = await presentEach(context.db, table, keys);
  const gone = deleted.filter(({ key }) => !present.has(key) && !broken.has(key));
  const settled = await context.store.transaction(async (sql) => {
    const quiet = gone.map(({ key, version }) => ({ key, version, base: null }));
    const ended = await settleQuietEntries(sql, table.name, quiet);
    if (ended.size > 0) await releaseRefusedDeletions(sql, referencedTables(table, context.tables.values()));
    return ended;
  });
  return entries.filter(({ key }) => !settled.has(key));
}

/** Reads both sides of these entries, and ends those whose rows are as their base, which need no request. */
export async function settleQuiet(
  context: SyncContext,
  table: ResolvedTable,
  entries: readonly OutboxEntry[],
): Promise<{ readonly news: readonly OutboxEntry[]; readonly pairs: Pairs }> {
  const pairs = await readPairs(context, table, entries);
  const quiet = entries.flatMap((entry) => quietOf(table, entry, pairs));
  if (quiet.length === 0) return { news: entries, pairs };
  const settled = await settleQuietEntries(context.store, table.name, quiet, context.store.epoch);
  return { news: entries.filter(({ key }) => !settled.has(key)), pairs };
}

/** Empty if the entry needs more than to be ended. */
function quietOf(
  table: ResolvedTable,
  entry: OutboxEntry,
  { records, rows, broken, leftOut }: Pairs,
): readonly Quiet[] {
  const { key, version } = entry;
  const record = records.get(key);
  const row = rows.get(key);
  if (entry.restore.length > 0 || record?.state !== 'linked' || record.page === null) return [];
  // A row that is left out has news for its page, whatever it holds.
  if (row === undefined || broken.has(key) || leftOut.has(key)) return [];
  return hasNews({ entry, table, row }, record) ? [] : [{ key, version, base: record.baseRow }];
}
