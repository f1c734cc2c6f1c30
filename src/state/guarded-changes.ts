import type { PageId, RowKey, TableName } from '../model/ids.ts';
import { changesIn, type GuardLoad, type ListedKind } from '../model/mass-change.ts';
import type { Failure } from './outbox.ts';
import { ownCall } from './own-call.ts';
import type { Sql } from './sql.ts';

export type Side = 'to-notion' | 'to-postgres';

/** What the guard has to know of a table's deletions. The outbox is in `waiting`; the poll adds what it has found. */
export async function deletionLoad(
  sql: Sql,
  table: TableName,
  side: Side,
  windowMinutes: number,
): Promise<GuardLoad> {
  const [row] = await sql.query<Omit<GuardLoad, 'coming'>>(
    `with crossed as (
       select count(*)::int as n from pgnotion.operations o left join pgnotion.records r using (table_name, key)
        where table_name = $1 and direction = $2 and kind in ('delete', 'filter') and status = 'done' and not approved
          and started_at > clock_timestamp() - make_interval(mins => $3)
          -- A second page of ours that was put away took nothing from anybody.
          and (r.page_id is null or o.page_id is null or r.page_id = o.page_id))
     select crossed.n as crossed,
            case $2 when 'to-notion' then
              (select count(*)::int from pgnotion.outbox o join pgnotion.records r using (table_name, key)
                where o.table_name = $1 and (o.kind = 'delete' or o.leaves) and not o.approved
                  and (r.rested_at is null or r.state like 'filtered%' and o.kind = 'delete' and not coalesce(o.leaves, false))
                  and (o.parked_at is null or o.parked_at > clock_timestamp() - make_interval(mins => $3)))
            else (select count(*)::int from pgnotion.edits
                   where table_name = $1 and code = '${MASS_DELETION}'
                     and parked_at > clock_timestamp() - make_interval(mins => $3)) end as waiting,
            crossed.n + (select count(*)::int from pgnotion.records
              where table_name = $1 and page_id is not null and rested_at is null) as records
       from crossed`,
    [table, side, windowMinutes],
  );
  return { crossed: 0, waiting: 0, records: 0, ...row, coming: 0 };
}

/** Who is named for what no person did. */
export const NOBODY = 'notion';

export const MASS_DELETION = 'mass_deletion';
export const MASS_CLEARING = 'mass_clearing';
export const MASS_CREATION = 'mass_creation';
const DELETE_REVIEW = 'delete_review';

/** Whether a record waits because so many do. */
export const isOfMass = (code: string): boolean =>
  [MASS_DELETION, MASS_CLEARING, MASS_CREATION].includes(code);

const REMEDY =
  'look at `pgnotion guarded list`, then run `pgnotion guarded approve TABLE` or `pgnotion guarded reject TABLE`, with the key as well to decide about one record';

/** A deletion that waits for a person, on either side. */
export const massDeletion = (load: GuardLoad): Failure => ({
  code: MASS_DELETION,
  reason: `${changesIn(load)} of ${load.records} records of this table would be deleted at once`,
  remedy: REMEDY,
});

/** The same of rows that are left out by the query or the condition. */
export const massFiltered = (load: GuardLoad): Failure => ({
  code: MASS_DELETION,
  reason: `${changesIn(load)} of ${load.records} records of this table would leave Notion at once`,
  remedy: REMEDY,
  cause:
    "their rows are there, and the table's query or condition leaves them out, or they are marked as deleted",
});

/** A deletion that would take too many rows of another table along. */
export const massCascade = (load: GuardLoad, others: TableName): Failure => ({
  code: MASS_DELETION,
  reason: `its deletion would delete ${changesIn(load)} of ${load.records} records of ${others} too`,
  remedy: REMEDY,
  cause: `rows of ${others} refer to it with ON DELETE CASCADE`,
});

/** Pages of a database that carry no key and would all become rows of the table. `cause` says why there are so many. */
export const massCreation = (load: GuardLoad, cause: string): Failure => ({
  code: MASS_CREATION,
  reason: `${changesIn(load)} pages without a row would become rows of this table at once`,
  remedy: REMEDY,
  cause,
});

/** Rows that would get new pages in a database that was there with pages. */
export const massPages = (load: GuardLoad, cause: string): Failure => ({
  code: MASS_CREATION,
  reason: `${changesIn(load)} of ${load.records} rows of this table would get new pages at once`,
  remedy: REMEDY,
  cause,
});

/** A person refused that such a row gets a page. */
const pageRefused: Failure = {
  code: 'creation_refused',
  reason: 'a person decided that no page is made for this row',
  remedy: 'change the row to have a page made for it after all',
};

/** How many rows of a table have no page, and no page that they match: each would get a new one. */
export async function rowsToMake(sql: Sql, table: TableName, rows: number): Promise<number> {
  const [met] = await sql.query<{ n: number }>(
    `select (select count(*) from pgnotion.records where table_name = $1 and page_id is not null and rested_at is null)::int
            + (select count(*) from pgnotion.match_rows where table_name = $1)::int as n`,
    [table],
  );
  return Math.max(0, rows - (met?.n ?? 0));
}

/** Has the rows of a table that a first sync would make pages for wait for a person. */
export async function holdRows(sql: Sql, table: TableName, count: number, failure: Failure): Promise<void> {
  await sql.query(
    `update pgnotion.first_contacts set rows_held = 'waiting', rows_count = $2, rows_reason = $3, rows_cause = $4
      where table_name = $1`,
    [table, count, failure.reason, failure.cause ?? null],
  );
}

/** Why the rows of a table get no new pages in its first sync; null if they do. */
export async function rowsHeld(sql: Sql, table: TableName): Promise<Failure | null> {
  const [row] = await sql.query<{ held: 'waiting' | 'rejected'; reason: string; cause: string | null }>(
    `select rows_held as held, rows_reason as reason, rows_cause as cause
       from pgnotion.first_contacts where table_name = $1 and rows_held is not null`,
    [table],
  );
  if (row === undefined) return null;
  if (row.held === 'rejected') return pageRefused;
  const cause = row.cause === null ? {} : { cause: row.cause };
  return { code: MASS_CREATION, reason: row.reason, remedy: REMEDY, ...cause };
}

/** A person refused that such a page becomes a row: it is left alone until somebody edits it. */
const CREATION_REFUSED = 'creation_refused';

export const creationRefused: Failure = {
  code: CREATION_REFUSED,
  reason: 'a person decided that this page does not become a row',
  remedy: 'edit the page to make it a row after all',
};

/** Has the pages of a table that wait to become rows wait for a person instead. */
export async function holdCreations(sql: Sql, table: TableName, failure: Failure): Promise<void> {
  await sql.query(
    `update pgnotion.edits
        set command = null, parked_at = clock_timestamp(), next_at = null, code = $2, reason = $3, remedy = $4, cause = $5
      where ${NEW_PAGES}`,
    [table, failure.code, failure.reason, failure.remedy, failure.cause ?? null],
  );
}

/** How many pages of a table wait to become rows. */
export async function newPages(sql: Sql, table: TableName): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `select count(*)::int as n from pgnotion.edits where ${NEW_PAGES}`,
    [table],
  );
  return row?.n ?? 0;
}

const NEW_PAGES = `table_name = $1 and key is null and carries is null and parked_at is null
  and not exists (select from pgnotion.match_pages m where m.page_id = edits.page_id)`;

/** A deletion to be confirmed whatever its number: the row goes only when a person says so. */
export const deletionToReview: Failure = {
  code: DELETE_REVIEW,
  reason: 'the page was put into the trash in Notion, and the row is kept until somebody decides',
  remedy:
    'run `pgnotion guarded approve TABLE KEY` to delete the row, or `pgnotion guarded reject TABLE KEY` to restore the page; or restore it in Notion',
};

/** A row of the view `guarded_changes`. */
export type GuardedChange = {
  readonly kind: ListedKind;
  readonly side: Side;
  readonly table_name: TableName;
  readonly key: RowKey | null;
  readonly page_id: PageId | null;
  /** The property of a clearing. */
  readonly field: string | null;
  readonly reason: string;
  readonly cause: string | null;
  readonly since: Date;
  /** How many changes the line stands for. */
  readonly changes: number;
};

/** Changes of a table that wait, and of which nobody has looked whether their rows are to be left out. */
export async function unseenChanges(sql: Sql, table: TableName, limit: number): Promise<RowKey[]> {
  const rows = await sql.query<{ key: RowKey }>(
    `select key from pgnotion.outbox
      where table_name = $1 and leaves is null and parked_at is null order by key limit $2`,
    [table, limit],
  );
  return rows.map(({ key }) => key);
}

export async function noteLeaving(
  sql: Sql,
  table: TableName,
  keys: readonly RowKey[],
  leaving: ReadonlySet<RowKey>,
): Promise<void> {
  await sql.query(
    `update pgnotion.outbox set leaves = key = any($3::text[]) where table_name = $1 and key = any($2::text[])`,
    [table, keys, [...leaving]],
  );
}

/** All of them, or the first so many. */
export const readGuardedChanges = (
  sql: Sql,
  limit: number | null = null,
  table: string | null = null,
): Promise<GuardedChange[]> =>
  sql.query<GuardedChange>(
    `select * from pgnotion.guarded_changes where $2::text is null or table_name = $2
      order by table_name, kind, field, since, key, page_id limit $1`,
    [limit, table],
  );

/** How many guarded changes of each kind and table wait. */
export const countGuardedChanges = (
  sql: Sql,
): Promise<{ readonly kind: ListedKind; readonly table: TableName; readonly count: number }[]> =>
  sql.query(
    `select kind, table_name as "table", sum(changes)::int as count
       from pgnotion.guarded_changes group by 1, 2 order by 2, 1`,
  );

/** Decides guarded changes: all of a table, or those of one record, kind or property. Returns how many there were. */
export async function decideGuarded(
  sql: Sql,
  decision: 'approve' | 'reject',
  which: {
    readonly table: string;
    readonly key: string | null;
    readonly kind: ListedKind | null;
    readonly field: string | null;
  },
): Promise<number> {
  const [row] = await sql.query<{ answer: number }>(
    ownCall(`pgnotion.${decision}_guarded($1, $2, $3, $4)::int`),
    [which.table, which.key, which.kind, which.field],
  );
  return row?.answer ?? 0;
}

/** Makes a page the page of a row that it matches. False if the page does not wait for that, or not for this row. */
export async function pairMatch(
  sql: Sql,
  { table, key, page }: { readonly table: string; readonly key: string; readonly page: string },
): Promise<boolean> {
  const [row] = await sql.query<{ answer: boolean }>(ownCall('pgnotion.pair_match($1, $2, $3::uuid)'), [
    table,
    key,
    page,
  ]);
  return row?.answer === true;
}

/** Lets the deletions of these records cross: they are a part of one that has been let through. */
export async function approveDeletions(
  sql: Sql,
  records: readonly { readonly table: TableName; readonly key: RowKey }[],
): Promise<void> {
  if (records.length === 0) return;
  await sql.query(
    `select pgnotion.enqueue(array_agg(r.table_name), array_agg(r.key), 'delete', lifts => false, approves => true)
       from pgnotion.records r join unnest($1::text[], $2::text[]) as u(t, k) on r.table_name = u.t and r.key = u.k
      where r.rested_at is null`,
    [records.map((each) => each.table), records.map((each) => each.key)],
  );
}
