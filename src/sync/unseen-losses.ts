import type { PageImage } from '../model/change.ts';
import { clearedFields } from '../model/clearing.ts';
import { goesToPostgres, type ResolvedField, type ResolvedTable } from '../model/mapping.ts';
import { without } from '../model/pick.ts';
import { fallbacksOf } from '../model/schema/options.ts';
import { isUnedited } from '../model/unedited.ts';
import type { NotionPage } from '../notion/client.ts';
import { editsOf, saysNothing } from '../state/edits.ts';
import { failuresOf } from '../state/page-failures.ts';
import type { SyncRecord } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import { voidRecord } from '../state/void-base.ts';
import type { SyncContext } from './context.ts';

// Whichever direction sees such a page first has to notice: our own write would give it a later time, and the loss would look
// like a person's edit afterwards.

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

type Context = Pick<SyncContext, 'store' | 'schema'> & {
  /** How far before the last poll the next one begins. */
  readonly overlapMs: number;
};

/** A page of a record as it was just seen. */
type Seen = {
  readonly table: ResolvedTable;
  readonly source: Pick<Source, 'watermark'>;
  readonly page: Pick<NotionPage, 'lastEditedTime'>;
  readonly image: PageImage;
};

/**
 * The fields that a page shows emptied although nobody has edited it since it was as its record knows it: a property that was given
 * another type and back, or an option that was deleted and made again, takes values from pages and leaves the time of their last edit
 * (invariant 15). Relations are emptied from their other ends as well.
 */
export async function emptiedByNobody(
  { store, schema, overlapMs }: Context,
  { table, source, page, image }: Seen,
  record: Linked,
): Promise<readonly ResolvedField[]> {
  const fields = table.fields.filter(
    (field) => goesToPostgres(field) && field.codec.writable && field.type !== 'relation',
  );
  const fallbacks = fallbacksOf(fields, schema.known(table.name));
  const emptied = clearedFields(fields, record.basePage, image, fallbacks);
  const times = { editedAt: page.lastEditedTime, agreedAt: record.agreedAt, polledTo: source.watermark };
  if (emptied.length === 0 || !isUnedited(times, overlapMs)) return [];
  // An edit that was seen, and is not taken over yet, is as old as it is.
  const edit = (await editsOf(store, [record.page])).get(record.page);
  if (edit !== undefined && !saysNothing(edit)) return [];
  return (await failuresOf(store, [record.page])).has(record.page) ? [] : emptied;
}

/** The record without the base of what nobody has emptied: the rows' values are written again. */
export async function withoutUnseenLosses(context: Context, seen: Seen, record: Linked): Promise<Linked> {
  const lost = (await emptiedByNobody(context, seen, record)).map(({ property }) => property);
  if (lost.length === 0) return record;
  await context.store.transaction((sql) => voidRecord(sql, record, seen.table.fields, lost));
  return { ...record, basePage: without(record.basePage, lost) };
}
