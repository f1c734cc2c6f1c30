import type { PageImage } from '../model/change.ts';
import { clearedFields, isEmptyValue } from '../model/clearing.ts';
import { codecs } from '../model/codecs/registry.ts';
import { goesToPostgres, type ResolvedField, type ResolvedTable } from '../model/mapping.ts';
import { pausedImage } from '../model/paused-losses.ts';
import { pick } from '../model/pick.ts';
import { fallbacksOf } from '../model/schema/options.ts';
import { isUnedited } from '../model/unedited.ts';
import type { NotionPage } from '../notion/client.ts';
import { editsOf, saysNothing } from '../state/edits.ts';
import { failuresOf } from '../state/page-failures.ts';
import type { SyncRecord } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { SyncContext } from './context.ts';
import { withoutLosses } from './nobodys-losses.ts';

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

/** With all that it shows. */
type SeenWhole = Seen & {
  readonly source: Pick<Source, 'watermark' | 'properties'>;
  readonly page: Pick<NotionPage, 'lastEditedTime' | 'properties'>;
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
  const isNobodys = emptied.length > 0 && (await isUntouched({ store, overlapMs }, { source, page }, record));
  return isNobodys ? emptied : [];
}

async function isUntouched(
  { store, overlapMs }: Pick<Context, 'store' | 'overlapMs'>,
  { source, page }: Pick<Seen, 'source' | 'page'>,
  { page: id, agreedAt }: Linked,
): Promise<boolean> {
  const times = { editedAt: page.lastEditedTime, agreedAt, polledTo: source.watermark };
  if (!isUnedited(times, overlapMs)) return false;
  // An edit that was seen, and is not taken over yet, is as old as it is.
  const edit = (await editsOf(store, [id])).get(id);
  if (edit !== undefined && !saysNothing(edit)) return false;
  return !(await failuresOf(store, [id])).has(id);
}

/** The same of fields that stand still, whose column the values of the page cannot be told without. */
async function pausedByNobody(context: Context, seen: SeenWhole, record: Linked): Promise<PageImage> {
  const { table, source, page } = seen;
  const shown = pausedImage(table, source.properties, record.basePage, page.properties);
  const emptied = (table.pausedFields ?? []).filter(
    (field) =>
      goesToPostgres(field) &&
      codecs[field.type].writable &&
      field.type !== 'relation' &&
      field.property in shown &&
      isEmptyValue(shown[field.property] ?? null),
  );
  if (emptied.length === 0 || !(await isUntouched(context, seen, record))) return {};
  return pick(
    shown,
    emptied.map(({ property }) => property),
  );
}

/** The record without the base of what nobody has emptied: the rows' values are written again. */
export async function withoutUnseenLosses(
  context: Context,
  seen: SeenWhole,
  record: Linked,
): Promise<Linked> {
  const live = (await emptiedByNobody(context, seen, record)).map(({ property }) => property);
  const blank = await pausedByNobody(context, seen, record);
  const lost = [...live, ...Object.keys(blank)];
  return withoutLosses(context.store, seen.table, record, { lost, blank });
}
