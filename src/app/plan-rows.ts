import type { PageImage, RowImage } from '../model/change.ts';
import type { Lookups } from '../model/codecs/codec.ts';
import { encodeField } from '../model/fields.ts';
import type { RowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { changedInRow } from '../model/merge.ts';
import { lookupsOver } from '../model/page.ts';
import { type PagePlan, planPage } from '../model/plan.ts';
import { isResting } from '../model/record-state.ts';
import type { Target } from '../model/references.ts';
import { requestsForBytes } from '../model/request-size.ts';
import { readEach, readKeys } from '../postgres/read-rows.ts';
import { softDeletedKeys } from '../postgres/soft-delete.ts';
import { heldFields } from '../state/conflicts.ts';
import { recordsByKey, type SyncRecord } from '../state/records.ts';
import { lookupsFor } from '../sync/row-lookups.ts';
import { planNewPage } from '../to-notion/create.ts';
import { NOBODY, newPeople, noteOptions, rowSample, type TableWalk } from './plan-walk.ts';

/** A batch holds whole rows, of which each may be large. */
const AT_ONCE = 100;
/** References of a property that a page's answer shows; others take requests of their own. */
const SHOWN_REFERENCES = 25;
const PER_QUERY = 100;
/** Keys that are remembered to tell which of two rows of one circle comes first. */
const MOST_REMEMBERED = 200_000;

const NO_LOOKUPS = lookupsOver({ pairs: [], users: new Map() });

/** One row with what is known of its record. */
type Met = {
  readonly key: RowKey;
  readonly row: RowImage;
  readonly record: SyncRecord | undefined;
  readonly lookups: Lookups;
  /** Fields that wait for a person's decision. */
  readonly held: ReadonlySet<string>;
};

const NOBODYS: ReadonlyMap<RowKey, ReadonlySet<string>> = new Map();

/** Compares every row with its record, as a first sync does. Returns how many rows there are. */
export async function walkRows(walk: TableWalk, circle: ReadonlySet<string>): Promise<number> {
  const { table, db, store, counter } = walk;
  let count = 0;
  for await (const keys of readKeys(db, table, AT_ONCE)) {
    count += keys.length;
    const records = await recordsByKey(store, table.name, keys);
    const { rows, broken } = await readEach(db, table, keys);
    const held = records.size === 0 ? NOBODYS : await heldFields(store, table.name, keys);
    const soft = await softDeletedKeys(db, table, keys);
    const bases = [...records.values()].map(({ baseRow }) => baseRow);
    const lookups = await lookupsFor(walk, table, [...rows.values(), ...bases]);
    for (const key of keys) {
      const row = rows.get(key);
      const record = records.get(key);
      if (broken.has(key))
        counter.add('unreadable', rowSample(table, key, row, broken.get(key)?.message ?? null));
      if (soft.has(key) && record?.state === 'linked')
        counter.add('trash', rowSample(table, key, record.baseRow));
      if (row === undefined || broken.has(key) || soft.has(key)) continue;
      if (meetRow(walk, { key, row, record, lookups, held: held.get(key) ?? NOBODY }, circle))
        remember(walk, circle, key);
    }
    walk.tell('rows compared', count);
  }
  return count;
}

/** Its page is there once those of the rows behind it are made. */
function remember({ table, written }: TableWalk, circle: ReadonlySet<string>, key: RowKey): void {
  if (circle.has(table.name) && written.made.size < MOST_REMEMBERED) written.made.add(key);
}

/** True if the row gets a page. */
function meetRow(walk: TableWalk, met: Met, circle: ReadonlySet<string>): boolean {
  const { table, adopted, counter } = walk;
  const { key, row, record } = met;
  if (record === undefined || record.page === null) {
    if (adopted.has(key) || table.direction === 'to-postgres') return false;
    noteCreate(walk, met, circle);
    return true;
  }
  if (isResting(record.state)) counter.add('restore', rowSample(table, key, row));
  if (record.state === 'linked') noteUpdate(walk, met, { ...record, page: record.page });
  return false;
}

function noteCreate(walk: TableWalk, { key, row, lookups }: Met, circle: ReadonlySet<string>): void {
  const { table, counter, written, naming } = walk;
  const plan = planNewPage({ table, row, lookups });
  counter.add('create', rowSample(table, key, row));
  noteRefused(walk, key, row, plan);
  naming.note(newPeople(table, plan.writes, {}));
  noteOptions(walk, plan.writes);
  if (plan.missing.some((target) => isEarlier(walk, target))) written.waiting += 1;
  if (isLate(walk, plan.missing, circle)) written.secondPass += 1;
  written.extra += extraRequests(table, row, plan.writes);
}

/** Its page is made first, so that this one waits for it. */
const isEarlier = ({ table, tables }: TableWalk, { table: of }: Target): boolean =>
  (tables.get(of)?.rank ?? 0) < table.rank;

/** In a circle nobody waits: what is made later is written to the page once it is there. */
function isLate(
  { table, written }: TableWalk,
  missing: readonly Target[],
  circle: ReadonlySet<string>,
): boolean {
  return missing.some(
    ({ table: of, key }) =>
      circle.has(of) && !(of === table.name && written.made.has(key)) && !written.before.has(of),
  );
}

export function noteRefused(
  { table, counter }: Pick<TableWalk, 'table' | 'counter'>,
  key: RowKey,
  row: RowImage,
  { faults }: Pick<PagePlan, 'faults'>,
): void {
  for (const { message } of faults) counter.add('refused', rowSample(table, key, row, message));
}

/** What a page takes beyond the request that makes it. */
function extraRequests(table: ResolvedTable, row: RowImage, writes: PageImage): number {
  const long = table.fields.reduce((sum, field) => {
    if (field.relatedTable === undefined || !field.shape.array) return sum;
    const encoded = encodeField(field, row[field.property] ?? null, NO_LOOKUPS);
    const size = encoded.kind === 'unresolved' ? encoded.missing.length : 0;
    return size > SHOWN_REFERENCES ? sum + Math.ceil(size / PER_QUERY) : sum;
  }, 0);
  // Most rows are small, and spelling each out as a request would take longer than reading it.
  const length = Object.values(row).reduce((sum, text) => sum + (text?.length ?? 0), 0);
  if (length < LARGE_ROW) return long;
  const bytes = table.fields.reduce((sum, { property, codec }) => {
    return property in writes
      ? sum + Buffer.byteLength(JSON.stringify(codec.write(writes[property] ?? null)))
      : sum;
  }, 0);
  // Each further part is an update, and the page is looked at before it.
  return long + 2 * (requestsForBytes(bytes) - 1);
}

const LARGE_ROW = 50_000;

function noteUpdate(walk: TableWalk, { key, row, lookups, held }: Met, record: SyncRecord): void {
  const { table, counter, written, naming } = walk;
  if (changedInRow(table.fields, record.baseRow, row).length === 0) return;
  const plan = planPage({
    table,
    base: { row: record.baseRow, page: record.basePage },
    row,
    page: record.basePage,
    seen: false,
    restore: [],
    lookups,
    decided: NOBODY,
    withheld: held,
    judge: () => 'postgres',
  });
  noteRefused(walk, key, row, plan);
  const fields = Object.keys(plan.writes);
  if (fields.length === 0) return;
  counter.add('update', rowSample(table, key, row, fields.join(', ')));
  for (const field of fields) written.fields[field] = (written.fields[field] ?? 0) + 1;
  naming.note(newPeople(table, plan.writes, record.basePage));
  noteOptions(walk, plan.writes);
}
