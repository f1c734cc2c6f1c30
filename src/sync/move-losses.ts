import type { PageImage } from '../model/change.ts';
import { clearedFields } from '../model/clearing.ts';
import type { TableName } from '../model/ids.ts';
import { goesToPostgres, type ResolvedTable } from '../model/mapping.ts';
import { readPage } from '../model/page.ts';
import { fieldsAndPaused, pausedImage } from '../model/paused-losses.ts';
import type { KnownSchema } from '../model/schema/known.ts';
import { fallbacksOf } from '../model/schema/options.ts';
import { lostTogether, type UnseenMove, unseenMove } from '../model/unseen-move.ts';
import type { NotionPage } from '../notion/client.ts';
import { holdClearings, lostOnTheWay } from '../state/clearings.ts';
import { readKnown } from '../state/properties.ts';
import type { SyncRecord } from '../state/records.ts';
import { readSources, type Source } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import type { SyncContext } from './context.ts';
import { withoutLosses } from './nobodys-losses.ts';

// Whichever direction sees a page first that was in another database since its last look: its own write would hide what the
// page has lost there, and leave the rest as a person's edit.

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

/** A page of the record as it was just seen. `image` holds what it is taken to relate to. */
type Seen = {
  readonly table: ResolvedTable;
  readonly source: Source;
  readonly page: NotionPage;
  readonly image: PageImage;
  /** Fields that were written without a look, if this is the page of that write's answer. */
  readonly written?: readonly string[];
};

/**
 * What is known of the data sources of all tables, as it is stored: one that cannot be synced now, because its table was renamed,
 * say, or that nobody has polled since the start, is a place that pages are moved through all the same.
 */
async function schemasOf(store: Store): Promise<ReadonlyMap<TableName, KnownSchema>> {
  const schemas = new Map<TableName, KnownSchema>();
  for (const { table, dataSource } of (await readSources(store)).values())
    schemas.set(table, await readKnown(store, table, dataSource));
  return schemas;
}

type Found = {
  readonly move: UnseenMove;
  /** What it shows of the fields that stand still. */
  readonly paused: PageImage;
};

/** What a page tells of a move to another database and back that nobody saw. */
async function moveOf(
  { store, schema }: SyncContext,
  { table, source, page, image: synced, written = [] }: Seen,
  { basePage }: Linked,
): Promise<Found> {
  const paused = pausedImage(table, source.properties, basePage, page.properties);
  const moved = { ...table, fields: fieldsAndPaused(table) };
  const image = { ...synced, ...paused };
  // Hardly any look shows such a page.
  if (lostTogether(moved, basePage, { image, written }, schema.known(table.name)) === null)
    return { move: { kind: 'none' }, paused };
  const shown = { ...readPage(table, source.properties, page.properties).image, ...paused };
  return { move: unseenMove(moved, basePage, { image, shown, written }, await schemasOf(store)), paused };
}

/**
 * The record without the base of what its page lost together with its record id, on its way through a database that nobody
 * saw it in: that is no person's edit, and the row's values are written again. What is not empty counts as before.
 */
export async function withoutMoveLosses(context: SyncContext, seen: Seen, record: Linked): Promise<Linked> {
  const { table, page } = seen;
  const { move, paused } = await moveOf(context, seen, record);
  if (move.kind !== 'certain') return record;
  context.log.info(
    { table: table.name, key: record.key, page: page.id, fields: move.lost },
    'a page lost its record id with other values, as by a move to another database and back',
  );
  return withoutLosses(context.store, table, record, { lost: move.lost, blank: paused });
}

/**
 * Has what a page may have lost on its way through the database of another table wait for a person, as far as it is among
 * `names`. Gives that table.
 */
export async function holdMoveLosses(
  context: SyncContext,
  seen: Seen,
  record: Linked,
  names: readonly string[],
): Promise<TableName | null> {
  const { table, page, image } = seen;
  const { move, paused } = await moveOf(context, seen, record);
  if (move.kind !== 'likely') return null;
  const { lost, through } = move;
  const fields = table.fields.filter(
    (field) => goesToPostgres(field) && lost.includes(field.property) && names.includes(field.property),
  );
  const fallbacks = fallbacksOf(table.fields, context.schema.known(table.name));
  const held = clearedFields(fields, record.basePage, image, fallbacks).map(({ property }) => ({
    key: record.key,
    page: page.id,
    field: property,
  }));
  const { reason } = lostOnTheWay(lost, through);
  const cause = `the page was moved to the database of ${through} and back`;
  await holdClearings(context.store, table.name, held, { reason, cause });
  // What stands still cannot wait for a person: nobody could say later how it was lost.
  const still = lost.filter((property) => property in paused);
  await withoutLosses(context.store, table, record, { lost: still, blank: paused });
  return through;
}
