import { referencedTables } from '../model/consequence.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { leftOutAmong } from '../postgres/left-out.ts';
import { presentEach, readEach } from '../postgres/read-rows.ts';
import { releaseRefusedDeletions } from '../state/edits.ts';
import type { OutboxEntry } from '../state/outbox.ts';
import { type Quiet, settleQuietEntries } from '../state/quiet-entries.ts';
import { recordsByKey } from '../state/records.ts';
import type { DeliverContext } from './context.ts';
import { hasNews } from './update.ts';

/**
 * Ends in one statement the entries of rows that came and went without a page. Gives the others. Nothing but keys is read,
 * so there may be many.
 */
export async function settleGone(
  context: DeliverContext,
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

/** Ends in one statement the entries of rows that are as their base, which need no request. Gives the others. */
export async function settleQuiet(
  context: DeliverContext,
  table: ResolvedTable,
  entries: readonly OutboxEntry[],
): Promise<readonly OutboxEntry[]> {
  const quiet = await quietAmong(context, table, entries);
  if (quiet.length === 0) return entries;
  const settled = await context.store.transaction((sql) => settleQuietEntries(sql, table.name, quiet));
  return entries.filter(({ key }) => !settled.has(key));
}

async function quietAmong(
  context: DeliverContext,
  table: ResolvedTable,
  entries: readonly OutboxEntry[],
): Promise<readonly Quiet[]> {
  const plain = entries.filter(({ restore }) => restore.length === 0);
  // Records before rows: a base that moves in between no longer equals what is given to the statement.
  const records = await recordsByKey(
    context.store,
    table.name,
    plain.map(({ key }) => key),
  );
  const mayRest = plain.filter(({ key }) => {
    const record = records.get(key);
    return record?.state === 'linked' && record.page !== null;
  });
  const keys = mayRest.map(({ key }) => key);
  if (keys.length === 0) return [];
  const { rows, broken } = await readEach(context.db, table, keys);
  const leftOut = await leftOutAmong(context.db, table, keys);
  const isQuiet = (entry: OutboxEntry): boolean => {
    const record = records.get(entry.key);
    const row = rows.get(entry.key);
    // A row that is left out has news for its page, whatever it holds.
    if (broken.has(entry.key) || leftOut.has(entry.key)) return false;
    if (record === undefined || row === undefined) return false;
    return !hasNews({ entry, table, row }, record);
  };
  return mayRest
    .filter(isQuiet)
    .map(({ key, version }) => ({ key, version, base: records.get(key)?.baseRow ?? null }));
}
