import type { PageImage, RowImage } from '../model/change.ts';
import { clearedFields } from '../model/clearing.ts';
import type { Lookups } from '../model/codecs/codec.ts';
import { deletionsBehind } from '../model/consequence.ts';
import { encodeField } from '../model/fields.ts';
import type { RowKey } from '../model/ids.ts';
import { goesToNotion, goesToPostgres, type ResolvedField, type ResolvedTable } from '../model/mapping.ts';
import { rowChanged } from '../model/merge.ts';
import type { PagePlan } from '../model/plan.ts';
import { goneAmong } from '../postgres/gone.ts';
import { readEach } from '../postgres/read-rows.ts';
import { type Cleared, claimClearings, clearingName, dropClearings, rowsBehind } from '../state/clearings.ts';
import { advanceBase, recordsByKey, type SyncRecord } from '../state/records.ts';
import type { SyncContext } from '../sync/context.ts';
import { lookupsFor } from '../sync/row-lookups.ts';
import type { Delivery } from './context.ts';
import type { Pairs } from './read-pairs.ts';

type Pair = { readonly record: SyncRecord; readonly row: RowImage };

/**
 * Takes out of a plan the fields that would become empty together with those of many other pages: they wait for a
 * person, while the rest of the record is written. The caller holds the record's lock.
 */
export async function guardPlan(
  context: SyncContext,
  { table, row, lookups, conflicts }: Delivery,
  record: SyncRecord,
  plan: PagePlan,
): Promise<PagePlan> {
  const decided = new Set(conflicts.flatMap(({ field, by }) => (by === null ? [] : [field])));
  const seen = await clearedIn(context, table, lookups, [{ record, row }]);
  const mine = seen.filter(({ field }) => field in plan.writes && !decided.has(field));
  if (mine.length === 0) return plan;
  const states = await claim(context, table, mine);
  const stopped = mine.flatMap((each) => {
    const state = states.get(clearingName(each));
    return state === 'waiting' || state === 'rejected' ? [{ field: each.field, state }] : [];
  });
  if (stopped.length === 0) return plan;
  const names = new Set(stopped.map(({ field }) => field));
  const writes = Object.fromEntries(Object.entries(plan.writes).filter(([name]) => !names.has(name)));
  const declined = stopped.filter(({ state }) => state === 'rejected').map(({ field }) => field);
  if (declined.length > 0) await decline(context, record, row, declined);
  return { ...plan, writes };
}

/** The page keeps what the row lost: both stay as they are until either changes again. */
async function decline(
  { store }: SyncContext,
  record: SyncRecord,
  row: RowImage,
  declined: readonly string[],
): Promise<void> {
  const emptied = Object.fromEntries(declined.map((name) => [name, row[name] ?? null]));
  await store.transaction((sql) => advanceBase(sql, record, { row: emptied, page: {} }));
}

/** Counts what a whole batch would empty before any of it is written, and forgets what has got a value again. */
export async function guardBatch(
  context: SyncContext,
  table: ResolvedTable,
  lookups: Lookups,
  { records: known, rows, clearing }: Pick<Pairs, 'records' | 'rows' | 'clearing'>,
): Promise<void> {
  const records = [...known.values()];
  const pairs = records.flatMap((record) => {
    const row = rows.get(record.key);
    return row === undefined || record.state !== 'linked' ? [] : [{ record, row }];
  });
  const cleared = await clearedFromSameColumns(context, table, lookups, pairs);
  const batch = records.map(({ key }) => key);
  await claim(context, table, cleared, await countBehind(context, table, cleared, batch));
  for (const { record } of pairs.filter(({ record: { key } }) => clearing.has(key))) {
    const { key } = record;
    const still = cleared.filter((each) => each.key === key).map(({ field }) => field);
    await dropClearings(context.store, { table: table.name, key }, 'to-notion', still);
  }
}

/**
 * What pages would lose, once it is certain that the columns are those that the bases were read from: an empty cell of a column that
 * is new empties no page (invariant 15). Where they are not, the bases are other ones by now, and the records go to the next batch.
 */
async function clearedFromSameColumns(
  context: SyncContext,
  table: ResolvedTable,
  lookups: Lookups,
  pairs: readonly Pair[],
): Promise<readonly Cleared[]> {
  const cleared = await clearedIn(context, table, lookups, pairs);
  const both = new Set(table.fields.filter(goesToPostgres).map(({ property }) => property));
  if (!cleared.some(({ field }) => both.has(field))) return cleared;
  await context.shapes.look(table.name);
  const keys = pairs.map(({ record }) => record.key);
  const now = await recordsByKey(context.store, table.name, keys);
  const again = pairs.map(({ record, row }) => ({ row, record: now.get(record.key) ?? record }));
  return clearedIn(context, table, lookups, again);
}

/** Lines behind a batch that are looked at, and how many of them at once. */
const MOST_BEHIND = 10_000;
const AT_ONCE = 1_000;

/**
 * How many rows behind a batch would empty the same fields, so that the first portions of a mass wait as well. Costs nothing
 * where there are too few of them to matter.
 */
async function countBehind(
  context: SyncContext,
  table: ResolvedTable,
  cleared: readonly Cleared[],
  batch: readonly RowKey[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  if (cleared.length === 0) return counts;
  const fields = new Set(cleared.map(({ field }) => field));
  const keys = await rowsBehind(context.store, table.name, batch, MOST_BEHIND);
  if (keys.length + cleared.length <= context.guards.clearing.number) return counts;
  for (let at = 0; at < keys.length; at += AT_ONCE) {
    const some = keys.slice(at, at + AT_ONCE);
    const records = await recordsByKey(context.store, table.name, some);
    const { rows } = await readEach(context.db, table, some);
    const pairs = [...records.values()].flatMap((record) => {
      const row = rows.get(record.key);
      return row === undefined || record.state !== 'linked' ? [] : [{ record, row }];
    });
    const lookups = await lookupsFor(context, table, [...rows.values()]);
    for (const { field } of await clearedIn(context, table, lookups, pairs))
      if (fields.has(field)) counts.set(field, (counts.get(field) ?? 0) + 1);
  }
  return counts;
}

const claim = (
  context: SyncContext,
  table: ResolvedTable,
  cleared: readonly Cleared[],
  behind: ReadonlyMap<string, number> = new Map(),
) =>
  claimClearings(context.store, {
    behind,
    table: table.name,
    side: 'to-notion',
    guard: context.guards.clearing,
    cleared,
    causeOf: async (field) => ({
      text: `SQL emptied the column or expression behind ${JSON.stringify(field)} in many rows of ${table.source}`,
      byNobody: false,
    }),
  });

async function clearedIn(
  context: SyncContext,
  table: ResolvedTable,
  lookups: Lookups,
  pairs: readonly Pair[],
): Promise<Cleared[]> {
  const found = pairs.flatMap(({ record, row }) => {
    const { key, page } = record;
    if (page === null) return [];
    const fields = table.fields.filter(
      (field) =>
        goesToNotion(field) &&
        rowChanged({ row: row[field.property] ?? null, baseRow: record.baseRow[field.property] }),
    );
    return clearedFields(fields, record.basePage, encoded(fields, row, lookups)).map((field) => ({
      cleared: { key, page, field: field.property },
      lost: deletionsBehind(table, [...context.tables.values()], { field, base: record.baseRow, row }),
    }));
  });
  const gone = await goneAmong(
    context.db,
    context.tables,
    found.flatMap(({ lost }) => lost ?? []),
  );
  // What a deleted row leaves empty in the rows that pointed to it is a part of that deletion.
  return found
    .filter(({ lost }) => lost === null || !lost.every(({ table: of, key }) => gone.has(`${of}/${key}`)))
    .map(({ cleared }) => cleared);
}

/** What the pages would hold. A value that is not whole yet empties nothing. */
const encoded = (fields: readonly ResolvedField[], row: RowImage, lookups: Lookups): PageImage =>
  Object.fromEntries(
    fields.flatMap((field) => {
      const one = encodeField(field, row[field.property] ?? null, lookups);
      return one.kind === 'value' ? [[field.property, one.value]] : [];
    }),
  );
