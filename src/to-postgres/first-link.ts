import { matchFields } from '../model/adoption.ts';
import type { RowImage } from '../model/change.ts';
import { clashOf } from '../model/clash.ts';
import { editInterval } from '../model/conflict.ts';
import { type FirstLink, firstLink, reviewNote } from '../model/first-link.ts';
import type { RowKey } from '../model/ids.ts';
import { goesToNotion, goesToPostgres, type ResolvedTable } from '../model/mapping.ts';
import { extraFields, readPage } from '../model/page.ts';
import { commitTimes } from '../postgres/commit-times.ts';
import { capturedTimes } from '../state/change-times.ts';
import { holdConflict } from '../state/conflicts.ts';
import { dropEdit, lookSoon } from '../state/edits.ts';
import { noteExtras } from '../state/extras.ts';
import { markRestore } from '../state/outbox.ts';
import { link } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import { releaseWaiting } from '../state/waiting.ts';
import { lookupsWithRows } from '../sync/row-lookups.ts';
import { type InboundContext, inboundLookups, type Sighting } from './context.ts';

/** A page that is to become a row's, with what decides its fields. */
type Linked<T> = T & { readonly link: FirstLink; readonly row: RowImage; readonly fresh: boolean };

/** Decides, for each of these pages, which side's value each field begins with. Pages without a row are left out. */
export async function firstLinks<T extends { readonly sighting: Sighting; readonly key: RowKey }>(
  context: InboundContext,
  table: ResolvedTable,
  meetings: readonly T[],
  { rows, by }: { readonly rows: ReadonlyMap<RowKey, RowImage>; readonly by: 'key' | 'match' },
): Promise<readonly Linked<T>[]> {
  if (meetings.length === 0) return [];
  const times = await rowTimes(
    context,
    table,
    meetings.map(({ key }) => key),
  );
  // Pages that match were fetched just now; those that show a key may be as a query that lags lists them.
  const fresh = by === 'match';
  const equal = new Set(fresh ? matchFields(table).map(({ property }) => property) : []);
  const linked: Linked<T>[] = [];
  for (const meeting of meetings) {
    const row = rows.get(meeting.key);
    if (row === undefined) continue;
    const { image, page } = meeting.sighting;
    const fields = table.fields.filter((field) => goesToPostgres(field) && goesToNotion(field));
    const ends = { db: context.db, tables: context.tables, sql: context.store };
    const lookups = await lookupsWithRows(ends, await inboundLookups(context, { fields, image }), table, [
      row,
    ]);
    const edit = editInterval(page, context.botId, null);
    const rowAt = times.get(meeting.key) ?? null;
    const how = { fields: table.fields, rule: table.firstLink, fresh, equal };
    const link = firstLink({ ...how, row, image, lookups, rowAt, edit });
    linked.push({ ...meeting, link, row, fresh });
  }
  return linked;
}

/** When rows were committed as they are, of those of which that is known. Only one rule asks for it. */
async function rowTimes(
  { db, store }: InboundContext,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<ReadonlyMap<RowKey, Date>> {
  if (table.firstLink !== 'newest') return new Map();
  return new Map([
    ...(await commitTimes(db, table, keys)),
    ...(await capturedTimes(store, table.name, keys)),
  ]);
}

/** Ties a page to the row that it becomes the page of; the delivery and the way back then bring both together. */
export async function linkFirst(
  sql: Sql,
  { table, source, page, image }: Sighting,
  key: RowKey,
  { link: decided, row, fresh }: Linked<object>,
): Promise<void> {
  const { baseRow, basePage, toRow, review } = decided;
  const record = { table: table.name, key };
  for (const field of review) {
    const clash = clashOf(
      { type: 'CONCURRENT_UPDATE', field },
      table,
      { key, page: page.id, baseRow, basePage },
      { row, page: image },
    );
    await holdConflict(sql, { ...clash, note: reviewNote(table.firstLink) }, 'review');
  }
  await link(sql, { ...record, page: page.id, baseRow, basePage, pageEditedAt: page.lastEditedTime });
  // What the page holds beyond its values is known too, so that nothing has to be looked at.
  if (fresh) {
    const reading = readPage(table, source.properties, page.properties);
    await noteExtras(sql, [{ page: page.id, extras: extraFields(reading) }]);
  }
  await dropEdit(sql, page.id);
  await releaseWaiting(sql, table.name, key);
  await markRestore(sql, { ...record, fields: [] });
  if (toRow.length > 0) await lookSoon(sql, { ...record, page: page.id });
}
