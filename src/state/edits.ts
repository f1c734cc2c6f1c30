import { columnsOf, type EditCommand, type EditMark, markOf } from '../model/edit-command.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import { clearNotice, wishNotice } from './notices.ts';
import type { Failure } from './outbox.ts';
import { notFailing } from './page-failures.ts';
import type { Sql } from './sql.ts';

/** A page whose values cannot become a row's now. */
export type WaitingEdit = {
  readonly page: PageId;
  readonly table: TableName;
  readonly key: RowKey | null;
  readonly mark: EditMark;
  /** Milliseconds since the values last changed, on PostgreSQL's clock. */
  readonly quietMs: number;
  readonly attempts: number;
  readonly parked: boolean;
  /** Why it could not be taken over; null while it only settles. */
  readonly code: string | null;
  /** Its time has come: see `dueEdits`. */
  readonly due: boolean;
};

export async function editsOf(sql: Sql, pages: readonly PageId[]): Promise<Map<PageId, WaitingEdit>> {
  const rows = await sql.query<Row>(`${SELECT} where page_id = any($1::uuid[])`, [pages]);
  return new Map(rows.map((row) => [row.page, toEdit(row)]));
}

/** Whether an entry only has its page looked at: of the page's values it says nothing. */
export const saysNothing = ({ mark, code }: Pick<WaitingEdit, 'mark' | 'code'>): boolean =>
  code === null && mark.kind === 'command' && mark.command === 'look';

/** Pages of a table that belong to no record, or to one that rests, and stand here until they can become one. */
export async function strangers(sql: Sql, table: TableName): Promise<PageId[]> {
  const rows = await sql.query<{ page: PageId }>(
    `select page_id as page from pgnotion.edits e where table_name = $1
        and not exists (select from pgnotion.records r where r.page_id = e.page_id and r.rested_at is null)`,
    [table],
  );
  return rows.map((row) => row.page);
}

/** The pages of a table's records that hold what their rows have not taken over. */
export async function editedPages(sql: Sql, table: TableName): Promise<ReadonlySet<PageId>> {
  const rows = await sql.query<{ page: PageId }>(
    'select page_id as page from pgnotion.edits where table_name = $1 and key is not null',
    [table],
  );
  return new Set(rows.map((row) => row.page));
}

/** Why an edit waits whose row PostgreSQL could not change in time: it is looked at apart from all others. */
export const ROW_BLOCKED = 'row_blocked';

const NOT_BLOCKED = `code is distinct from '${ROW_BLOCKED}'`;

/**
 * Pages to look at again now: settling time over, a related record may be there, a retry was asked for. Some of every
 * table but those of `except`, however many others of one table wait.
 */
export async function dueEdits(sql: Sql, except: readonly TableName[] = []): Promise<WaitingEdit[]> {
  const rows = await sql.query<Row>(
    `${SELECT} join (
       select page_id as due_page, row_number() over (partition by table_name order by next_at) as place
         from pgnotion.edits e
        where next_at <= clock_timestamp() and table_name <> all($1::text[]) and ${NOT_BLOCKED} and ${NOT_PAUSED}
          and ${notFailing('e.page_id')}) as waiting on due_page = e.page_id
      where place <= 100 order by next_at`,
    [except],
  );
  return rows.map(toEdit);
}

/** Milliseconds until `dueEdits` has something; null if nothing waits. */
export async function nextEditMs(sql: Sql): Promise<number | null> {
  const [row] = await sql.query<{ ms: number | null }>(
    `select (extract(epoch from min(next_at) - clock_timestamp()) * 1000)::float8 as ms
       from pgnotion.edits e where ${NOT_BLOCKED} and ${NOT_PAUSED} and ${notFailing('e.page_id')}`,
  );
  return row?.ms ?? null;
}

/** Edits whose rows could not be changed in time, the longest waiting first. */
export async function blockedEdits(sql: Sql): Promise<WaitingEdit[]> {
  const rows = await sql.query<Row>(
    `${SELECT} where code = $1 and parked_at is null and ${NOT_PAUSED} and ${notFailing('e.page_id')}
      order by next_at limit 200`,
    [ROW_BLOCKED],
  );
  return rows.map(toEdit);
}

/** Nothing has changed for these, so that they need not be tried yet. */
export async function postponeBlocked(sql: Sql, pages: readonly PageId[], ms: number): Promise<void> {
  await sql.query(
    `update pgnotion.edits set next_at = clock_timestamp() + make_interval(secs => $2::float8)
      where page_id = any($1::uuid[]) and code = $3 and parked_at is null`,
    [pages, ms / 1000, ROW_BLOCKED],
  );
}

type Keep = {
  readonly page: PageId;
  readonly table: TableName;
  readonly key: RowKey | null;
  readonly mark: EditMark;
  readonly fields?: readonly string[];
};

/** Looks at the page again after `afterMs`; the quiet time starts anew if the values changed since. */
export async function waitForEdit(
  sql: Sql,
  edit: Keep,
  afterMs: number,
  failure: Failure | null,
): Promise<void> {
  await upsert(sql, edit, { afterMs, parked: false, failure });
}

/** Sets an edit aside until the page changes or somebody asks for a retry (invariant 4: it stands in failures). */
export async function parkEdit(sql: Sql, edit: Keep, failure: Failure): Promise<void> {
  await upsert(sql, edit, { afterMs: null, parked: true, failure });
}

/**
 * The same for a look that knew of no decision and has a person asked: what a person decided while it looked stays, and the
 * next look carries it out.
 */
export async function parkUndecided(sql: Sql, edit: Keep, failure: Failure): Promise<void> {
  await upsert(sql, edit, { afterMs: null, parked: true, failure, unlessDecided: true });
}

/** Why an edit is set aside that a person has to decide about: it stands in `open_conflicts`. */
export const CONFLICT_OPEN = 'conflict_open';

export const conflictOpen = (fields: readonly string[]): Failure => ({
  code: CONFLICT_OPEN,
  reason: `both sides changed ${fields.length === 0 ? 'the record' : fields.join(', ')}, and a person has to decide`,
  remedy:
    'look at `pgnotion conflicts list`, then run `pgnotion conflicts resolve ID --keep postgres` or `pgnotion conflicts resolve ID --keep notion`',
});

/**
 * Keeps that the page holds an edit which a delivery has seen and left alone, so that the poll looks at it, and notices
 * when it is taken back. False if the page is known already.
 */
export async function noteHeld(
  sql: Sql,
  edit: { readonly page: PageId; readonly table: TableName; readonly key: RowKey },
  fields: readonly string[],
): Promise<boolean> {
  const { code, reason, remedy } = conflictOpen(fields);
  const rows = await sql.query(
    `insert into pgnotion.edits (page_id, table_name, key, parked_at, fields, code, reason, remedy)
     values ($1, $2, $3, clock_timestamp(), $4, $5, $6, $7) on conflict (page_id) do nothing returning 1`,
    [edit.page, edit.table, edit.key, fields, code, reason, remedy],
  );
  return rows.length > 0;
}

/**
 * Has the poll look at a page, whatever happens to this process. What a person said of a page that left stays, and is
 * carried out by the look that it waits for.
 */
export async function lookSoon(
  sql: Sql,
  { page, table, key }: { readonly page: PageId; readonly table: TableName; readonly key: RowKey },
): Promise<void> {
  await sql.query('select pgnotion.wake_edits(array[$1::uuid], array[$2], array[$3])', [page, table, key]);
}

async function upsert(
  sql: Sql,
  edit: Keep,
  how: {
    readonly afterMs: number | null;
    readonly parked: boolean;
    readonly failure: Failure | null;
    readonly unlessDecided?: boolean;
  },
): Promise<void> {
  const { digest, command } = columnsOf(edit.mark);
  const [kept] = await sql.query<{ attempts: number }>(
    `insert into pgnotion.edits as e (page_id, table_name, key, digest, command, fields, next_at, parked_at, attempts, code, reason, remedy, cause,
       failed_at, tried_at)
     values ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7::float8),
             case when $8 then clock_timestamp() end, 1, $9, $10, $11, $12,
             case when $9::text is not null then clock_timestamp() end, clock_timestamp())
     on conflict (page_id) do update
       set key = excluded.key, digest = excluded.digest, command = excluded.command, fields = excluded.fields,
           next_at = excluded.next_at, quiet_from = case when ${SAME_MARK} then e.quiet_from else clock_timestamp() end,
           attempts = case when ${SAME_MARK} then e.attempts + 1 else 1 end,
           parked_at = excluded.parked_at, code = excluded.code, reason = excluded.reason, remedy = excluded.remedy,
           cause = excluded.cause, failed_at = coalesce(e.failed_at, excluded.failed_at), tried_at = excluded.tried_at
       where not ($13 and e.parked_at is null and coalesce(e.command in ('approve', 'reject'), false))
     returning attempts`,
    [
      edit.page,
      edit.table,
      edit.key,
      digest,
      command,
      edit.fields ?? [],
      how.afterMs === null ? null : how.afterMs / 1000,
      how.parked,
      how.failure?.code ?? null,
      how.failure?.reason ?? null,
      how.failure?.remedy ?? null,
      how.failure?.cause ?? null,
      how.unlessDecided === true,
    ],
  );
  if (kept === undefined) return;
  // What waits goes on by itself most often; only what has waited for a while is worth a word.
  const told = how.failure?.told ?? [];
  if (told.length === 0 || !(how.parked || kept.attempts >= TOLD_AFTER)) return;
  await wishNotice(sql, edit, told, how.failure?.code === 'page_incomplete' ? 'incomplete' : null);
}

const TOLD_AFTER = 4;

const SAME_MARK = '(e.digest, e.command) is not distinct from (excluded.digest, excluded.command)';

/** Nothing is wrong with the page any more: neither here nor, soon, in what it says of itself. */
export async function dropEdit(sql: Sql, page: PageId): Promise<void> {
  await sql.query('delete from pgnotion.edits where page_id = $1', [page]);
  await clearNotice(sql, page);
}

/** Gives a command to the next look at the entries that `which` selects, and makes it due now. */
export async function commandEdits(
  sql: Sql,
  given: EditCommand,
  { which, parameters }: { readonly which: string; readonly parameters: readonly unknown[] },
  { overrides = true }: { readonly overrides?: boolean } = {},
): Promise<void> {
  await sql.query(
    `select pgnotion.command_edits(array_agg(page_id), array_agg(table_name), array_agg(key), '${given}', ${overrides})
       from (select page_id, table_name, key from pgnotion.edits where ${which} for update) e having count(*) > 0`,
    parameters,
  );
}

/** What kept an edit from its row is over: the page is looked at now. */
export const releaseEdit = (sql: Sql, page: PageId): Promise<void> =>
  commandEdits(sql, 'look', { which: 'page_id = $1', parameters: [page] });

/** What was set aside is looked at now; a decision about it stays. */
export const RELEASED = `next_at = clock_timestamp(), parked_at = null,
  command = case command when 'hold' then 'look' else command end`;

/** PostgreSQL's words for a row that another one still refers to. */
const STILL_REFERRED_TO = ['sql_23503', 'sql_23001'];

/** A row is deleted, so that what its reference kept from being deleted may go now. A decision about it stays. */
export async function releaseRefusedDeletions(sql: Sql, tables: readonly TableName[]): Promise<void> {
  if (tables.length === 0) return;
  await sql.query(
    `update pgnotion.edits set ${RELEASED}
      where table_name = any($1::text[]) and parked_at is not null and command in ('hold', 'approve')
        and code = any($2::text[])`,
    [tables, STILL_REFERRED_TO],
  );
}

const SELECT = `select page_id as page, table_name as "table", key, digest, command, attempts, code, parked_at is not null as parked,
    coalesce(next_at <= clock_timestamp(), false) as due,
    (extract(epoch from clock_timestamp() - quiet_from) * 1000)::float8 as quiet_ms from pgnotion.edits e`;

const NOT_PAUSED = `not exists (
  select from pgnotion.data_sources d where d.table_name = e.table_name and d.paused_at is not null)`;

type Row = Omit<WaitingEdit, 'quietMs' | 'mark'> & {
  readonly quiet_ms: number;
  readonly digest: string | null;
  readonly command: EditCommand | null;
};

const toEdit = ({ quiet_ms, digest, command, ...row }: Row): WaitingEdit => ({
  ...row,
  quietMs: quiet_ms,
  mark: markOf({ digest, command }),
});
