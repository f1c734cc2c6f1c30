import { referencedTables } from '../model/consequence.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { leftOutAmong } from '../postgres/left-out.ts';
import { readEach } from '../postgres/read-rows.ts';
import { releaseRefusedDeletions } from '../state/edits.ts';
import type { OutboxLine } from '../state/outbox.ts';
import { type Quiet, settleQuietEntries } from '../state/quiet-entries.ts';
import { recordsByKey } from '../state/records.ts';
import type { DeliverContext } from './context.ts';
import { hasNews } from './update.ts';

/**
 * Ends in one statement the entries that need no request: of rows that came and went without a page, and of rows that
 * are as their base. Gives the others.
 */
export async function settleQuiet(
  context: DeliverContext,
  table: ResolvedTable,
  lines: readonly OutboxLine[],
): Promise<readonly OutboxLine[]> {
  const quiet = await quietAmong(context, table, lines);
  if (quiet.length === 0) return lines;
  const settled = await context.store.transaction(async (sql) => {
    const keys = await settleQuietEntries(sql, table.name, quiet);
    if (quiet.some(({ base, key }) => base === null && keys.has(key)))
      await releaseRefusedDeletions(sql, referencedTables(table, context.tables.values()));
    return keys;
  });
  return lines.filter(({ key }) => !settled.has(key));
}

async function quietAmong(
  context: DeliverContext,
  table: ResolvedTable,
  lines: readonly OutboxLine[],
): Promise<readonly Quiet[]> {
  const plain = lines.filter(({ restore }) => restore.length === 0);
  // Records before rows: a base that moves in between no longer equals what is given to the statement.
  const records = await recordsByKey(
    context.store,
    table.name,
    plain.map(({ key }) => key),
  );
  const mayRest = plain.filter(({ key, kind }) => {
    const record = records.get(key);
    return record === undefined ? kind === 'delete' : record.state === 'linked' && record.page !== null;
  });
  const keys = mayRest.map(({ key }) => key);
  if (keys.length === 0) return [];
  const { rows, broken } = await readEach(context.db, table, keys);
  const leftOut = await leftOutAmong(context.db, table, keys);
  const isQuiet = (line: OutboxLine): boolean => {
    const record = records.get(line.key);
    const row = rows.get(line.key);
    // A row that is left out has news for its page, whatever it holds.
    if (broken.has(line.key) || leftOut.has(line.key)) return false;
    if (record === undefined || row === undefined) return record === undefined && row === undefined;
    return !hasNews({ line, table, row }, record);
  };
  return mayRest
    .filter(isQuiet)
    .map(({ key, version }) => ({ key, version, base: records.get(key)?.baseRow ?? null }));
}
