import type { PageImage, RowImage } from '../model/change.ts';
import type { ResolvedField, ResolvedTable } from '../model/mapping.ts';
import { isResting } from '../model/record-state.ts';
import { isConnectionLost } from '../postgres/connection-lost.ts';
import { leftOutAmong } from '../postgres/left-out.ts';
import { readRows } from '../postgres/read-rows.ts';
import { lookSoon } from '../state/edits.ts';
import { recordsByPage, type SyncRecord } from '../state/records.ts';
import { isMovePending } from '../state/rekeys.ts';
import type { SyncContext } from '../sync/context.ts';
import { idsIn, type Sighting } from './context.ts';

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

/**
 * Whether the row of a record's key is known to be the record's own. Another row may have taken the key a moment ago, and
 * the log tells it: so where the row is gone or not as the base says, the log is read up to now before anything of the page goes
 * there. If it is not the record's own, or nobody can say, the page is looked at again soon.
 */
export async function isOwnRow(context: SyncContext, table: ResolvedTable, record: Linked): Promise<boolean> {
  const row = (await readRows(context.db, table, [record.key])).get(record.key);
  if (row !== undefined && isAsBased(table, record.baseRow, row)) return true;
  if (await isRead(context, record)) return true;
  const { key, page } = record;
  await context.store.transaction((sql) => lookSoon(sql, { table: table.name, key, page }));
  return false;
}

const isAsBased = (table: ResolvedTable, base: RowImage, row: RowImage): boolean =>
  table.fields.every(
    ({ property, source }) =>
      source.kind !== 'column' || !(property in base) || base[property] === (row[property] ?? null),
  );

async function isRead({ readLog, store }: SyncContext, { table, key }: Linked): Promise<boolean> {
  return (await readLog()) && !(await isMovePending(store, table, key));
}

/** The same of an edit of these fields: of its own row, and of the records that its relations name. */
export async function isOwnEdit(
  context: SyncContext,
  { table, image }: Pick<Sighting, 'table' | 'image'>,
  record: Linked,
  fields: readonly ResolvedField[],
): Promise<boolean> {
  if (fields.length === 0) return true;
  if (!(await isOwnRow(context, table, record))) return false;
  if (await haveOwnKeys(context, fields, [image, record.basePage])) return true;
  await context.store.transaction((sql) => lookSoon(sql, { ...record, table: table.name }));
  return false;
}

/**
 * Whether the keys of the records that these relations name are known to be the records' own, by the same rule: what a
 * person chose is a page, and what the row gets is a key, which another row may have by now.
 */
export async function haveOwnKeys(
  context: SyncContext,
  fields: readonly ResolvedField[],
  images: readonly PageImage[],
): Promise<boolean> {
  const relations = fields.filter(({ relatedTable }) => relatedTable !== undefined);
  const pages = relations.flatMap(({ property }) =>
    images.flatMap((image) => idsIn(image[property] ?? null)),
  );
  if (pages.length === 0) return true;
  const records = [...(await recordsByPage(context.store, pages)).values()];
  const doubtful: SyncRecord[] = [];
  for (const [name, own] of Map.groupBy(records, ({ table }) => table)) {
    const table = context.tables.get(name);
    if (table !== undefined) doubtful.push(...(await notAsBased(context, table, own)));
  }
  if (doubtful.length === 0) return true;
  if (!(await context.readLog())) return false;
  for (const { table, key } of doubtful) if (await isMovePending(context.store, table, key)) return false;
  return true;
}

async function notAsBased(
  { db }: SyncContext,
  table: ResolvedTable,
  records: readonly SyncRecord[],
): Promise<readonly SyncRecord[]> {
  const living = records.filter(({ state }) => !isResting(state));
  try {
    const rows = await readRows(
      db,
      table,
      living.map(({ key }) => key),
    );
    return living.filter(({ key, baseRow }) => {
      const row = rows.get(key);
      return row === undefined || !isAsBased(table, baseRow, row);
    });
  } catch (error) {
    // What is wrong with the related table is no failure of this one.
    if (isConnectionLost(error)) throw error;
    return living;
  }
}

/** Whether the row is there, and left out by the table's query or condition. */
export const isFiltered = async (
  { db }: SyncContext,
  table: ResolvedTable,
  { key }: SyncRecord,
): Promise<boolean> => (await leftOutAmong(db, table, [key])).get(key) === 'filtered';
