import type { Away } from '../model/away.ts';
import type { PageImage, RowImage } from '../model/change.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import { isPageAway, isResting, type RecordState, type RestingState, restOf } from '../model/record-state.ts';
import type { Unshown } from '../model/relation-targets.ts';
import { lookAtUnshown } from './away.ts';
import { outdateConflicts } from './conflicts.ts';
import { intending } from './intent.ts';
import { clearNotice, forgetNotice } from './notices.ts';
import { settlePutAway } from './operations.ts';
import { clearPageFailure } from './page-failures.ts';
import type { Sql } from './sql.ts';

/** What is known of one row-and-page pair. */
export type SyncRecord = {
  readonly table: TableName;
  readonly key: RowKey;
  readonly page: PageId | null;
  readonly state: RecordState;
  readonly baseRow: RowImage;
  readonly basePage: PageImage;
  /** The fields of the page that hold more than their values say (`Codec.extras`); null if nobody knows. */
  readonly extras: readonly string[] | null;
  /** What of its relations the page does not show now, because the pages over there are away. */
  readonly unshown: Unshown;
  /** How long ago a create was sent that is in doubt, by PostgreSQL's clock; null if none is. */
  readonly intentAgeMs: number | null;
  /** Notion's time of the last edit that we know of. */
  readonly pageEditedAt: Date | null;
  /** Notion's time when the page was last known to hold nothing but what the base says; null if nobody knows. */
  readonly agreedAt: Date | null;
  /** When the pair was last linked or its base moved: what was seen of it before may be out of date. */
  readonly syncedAt: Date | null;
};

export async function recordsByKey(
  sql: Sql,
  table: TableName,
  keys: readonly RowKey[],
): Promise<Map<RowKey, SyncRecord>> {
  if (keys.length === 0) return new Map();
  const rows = await sql.query<RecordRow>(`${SELECT} where table_name = $1 and key = any($2::text[])`, [
    table,
    keys,
  ]);
  return new Map(rows.map((row) => [row.key, toRecord(row)]));
}

/** Those of these keys whose records have a page and do not rest. */
export async function keysWithPage(
  sql: Sql,
  table: TableName,
  keys: readonly RowKey[],
): Promise<ReadonlySet<RowKey>> {
  const rows = await sql.query<{ key: RowKey }>(
    `select key from pgnotion.records
      where table_name = $1 and key = any($2::text[]) and page_id is not null and rested_at is null`,
    [table, keys],
  );
  return new Set(rows.map(({ key }) => key));
}

/** What a record's row is known to hold; undefined if there is no such row, as far as we know. */
export const livingBase = (record: SyncRecord | undefined): RowImage | undefined =>
  record === undefined || isResting(record.state) ? undefined : record.baseRow;

export async function recordsByPage(sql: Sql, pages: readonly PageId[]): Promise<Map<PageId, SyncRecord>> {
  if (pages.length === 0) return new Map();
  const rows = await sql.query<RecordRow>(`${SELECT} where page_id = any($1::uuid[])`, [pages]);
  return new Map(
    rows.flatMap((row) => (row.page_id === null ? [] : [[row.page_id, toRecord(row)] as const])),
  );
}

/**
 * A page for each of these records that has one and that a relation may name: relation targets. A page in the trash is
 * still its row's; one that is hidden or in another database cannot be named until it is back.
 */
export async function pagesOf(
  sql: Sql,
  wanted: readonly { readonly table: TableName; readonly key: RowKey }[],
): Promise<{ table: TableName; key: RowKey; page: PageId }[]> {
  if (wanted.length === 0) return [];
  return sql.query(
    `select r.table_name as "table", r.key, r.page_id as page
       from pgnotion.records r join unnest($1::text[], $2::text[]) as u(t, k) on r.table_name = u.t and r.key = u.k
      where r.page_id is not null
        and (r.state in ('linked', 'away_trashed', 'away_archived', 'soft_deleted') or r.state like 'filtered%')`,
    [wanted.map((each) => each.table), wanted.map((each) => each.key)],
  );
}

/** Keeps, before a page is asked for, that it may come to exist. */
export async function intend(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await sql.query(intending('$1', '$2'), [table, key]);
}

/** Whether any page of this table is being made, or may have been. */
export async function isAnyCreating(sql: Sql, table: TableName): Promise<boolean> {
  const rows = await sql.query(
    "select from pgnotion.records where table_name = $1 and state = 'creating' limit 1",
    [table],
  );
  return rows.length > 0;
}

/** Ties a page to a record. Fields that are not in the images have no base yet. */
export async function link(
  sql: Sql,
  record: {
    readonly table: TableName;
    readonly key: RowKey;
    readonly page: PageId;
    readonly baseRow: RowImage;
    readonly basePage: PageImage;
    readonly pageEditedAt: Date;
    /** The page holds something else than its base says. */
    readonly isEdited?: boolean;
  },
): Promise<void> {
  await sql.query(
    `insert into pgnotion.records (table_name, key, page_id, state, base_row, base_page, page_edited_at, agreed_at, synced_at)
     values ($1, $2, $3, 'linked', $4, $5, $6, $7, clock_timestamp())
     on conflict (table_name, key) do update
       set page_id = excluded.page_id, state = 'linked', base_row = excluded.base_row,
           rested_at = null, base_page = excluded.base_page, intent_at = null,
           extras = null, page_edited_at = excluded.page_edited_at, agreed_at = excluded.agreed_at,
           unshown = '{}', synced_at = excluded.synced_at`,
    [
      record.table,
      record.key,
      record.page,
      JSON.stringify(record.baseRow),
      JSON.stringify(record.basePage),
      record.pageEditedAt,
      record.isEdited === true ? null : record.pageEditedAt,
    ],
  );
  await lookAtUnshown(sql, record.page);
}

/** Moves the base of some fields only, so that a delivery in flight and an edit coming in cannot undo each other. */
export async function advanceBase(
  sql: Sql,
  record: { readonly table: TableName; readonly key: RowKey },
  base: {
    readonly row: RowImage;
    readonly page: PageImage;
    readonly pageEditedAt?: Date;
    /** With this base, the page holds nothing that it does not say. */
    readonly rests?: boolean;
  },
): Promise<void> {
  // What was seen of an edit of these fields is settled with them: the same value typed again is another edit.
  await sql.query(
    `with moved as (
       update pgnotion.records
          set base_row = base_row || $3, base_page = base_page || $4,
              page_edited_at = greatest(page_edited_at, $5),
              agreed_at = case when $6 then greatest(agreed_at, $5) else agreed_at end, synced_at = clock_timestamp()
        where table_name = $1 and key = $2 returning page_id)
     delete from pgnotion.edit_sightings s using moved where s.page_id = moved.page_id and $4::jsonb ? s.field`,
    [
      record.table,
      record.key,
      JSON.stringify(base.row),
      JSON.stringify(base.page),
      base.pageEditedAt ?? null,
      base.rests ?? false,
    ],
  );
}

/** The page is not among the live ones, and the row is kept. */
export async function markTrashed(sql: Sql, table: TableName, key: RowKey, away: Away): Promise<void> {
  const [record] = await sql.query<{ page: PageId | null }>(
    `update pgnotion.records set state = $3, rested_at = null, synced_at = clock_timestamp()
      where table_name = $1 and key = $2 returning page_id as page`,
    [table, key, `away_${away}` satisfies RecordState],
  );
  if (record?.page != null && away === 'trashed') await settlePutAway(sql, record.page);
}

/** The page is among the live ones again: what points to it shows it again. */
export async function markLinked(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  const [record] = await sql.query<{ page: PageId | null }>(
    `update pgnotion.records set state = 'linked', rested_at = null, synced_at = clock_timestamp()
      where table_name = $1 and key = $2 returning page_id as page`,
    [table, key],
  );
  if (record?.page != null) await lookAtUnshown(sql, record.page);
}

/**
 * Lays a record aside with its page, for row or page to come back. What waited for it waits no more.
 */
export async function rest(
  sql: Sql,
  { table, key }: { readonly table: TableName; readonly key: RowKey },
  state: RestingState,
): Promise<void> {
  await outdateConflicts(sql, table, key);
  await endWaits(sql, table, key);
  const [record] = await sql.query<{ page: PageId | null }>(
    `update pgnotion.records set state = $3, rested_at = clock_timestamp()
      where table_name = $1 and key = $2 returning page_id as page`,
    [table, key, state],
  );
  if (record?.page == null) return;
  if (restOf(state)?.page === 'trashed') await settlePutAway(sql, record.page);
  await clearNotice(sql, record.page, isPageAway(state));
}

/** Ends a pair: its page is gone, or its row. What waited for either has nothing to wait for. */
export async function forget(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await outdateConflicts(sql, table, key);
  await endWaits(sql, table, key);
  const [record] = await sql.query<{ page: PageId | null }>(
    'delete from pgnotion.records where table_name = $1 and key = $2 returning page_id as page',
    [table, key],
  );
  if (record?.page == null) return;
  await forgetNotice(sql, record.page);
  await clearPageFailure(sql, record.page);
}

async function endWaits(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await sql.query('delete from pgnotion.edits where table_name = $1 and key = $2', [table, key]);
  await sql.query('delete from pgnotion.waiting where table_name = $1 and key = $2', [table, key]);
  await sql.query('delete from pgnotion.clearings where table_name = $1 and key = $2', [table, key]);
}

/** Pages of linked records, at most `limit`. */
export async function linkedPages(sql: Sql, table: TableName, limit: number): Promise<PageId[]> {
  const rows = await sql.query<{ page: PageId }>(`select page_id as page ${LINKED} limit $2`, [table, limit]);
  return rows.map(({ page }) => page);
}

/** How many there are, counted no further than `limit`. */
export async function linkedCount(sql: Sql, table: TableName, limit: number): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `select count(*)::int as n from (select ${LINKED} limit $2) linked`,
    [table, limit],
  );
  return row?.n ?? 0;
}

const LINKED = `from pgnotion.records where table_name = $1 and state = 'linked' and page_id is not null`;

/** Of `pgnotion.records`, for `toRecord`. */
export const RECORD_COLUMNS = `table_name, key, page_id, state, base_row, base_page, unshown,
            extras, page_edited_at, agreed_at, synced_at,
            (extract(epoch from clock_timestamp() - intent_at) * 1000)::float8 as intent_age_ms`;

const SELECT = `select ${RECORD_COLUMNS} from pgnotion.records`;

export type RecordRow = {
  table_name: TableName;
  key: RowKey;
  page_id: PageId | null;
  state: RecordState;
  unshown: Unshown;
  base_row: RowImage;
  base_page: PageImage;
  extras: string[] | null;
  intent_age_ms: number | null;
  page_edited_at: Date | null;
  agreed_at: Date | null;
  synced_at: Date | null;
};

export const toRecord = (row: RecordRow): SyncRecord => ({
  table: row.table_name,
  key: row.key,
  page: row.page_id,
  state: row.state,
  baseRow: row.base_row,
  basePage: row.base_page,
  extras: row.extras,
  unshown: row.unshown,
  intentAgeMs: row.intent_age_ms,
  pageEditedAt: row.page_edited_at,
  agreedAt: row.agreed_at,
  syncedAt: row.synced_at,
});
