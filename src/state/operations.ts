import type { Json, PageImage, RowImage } from '../model/change.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { LostWrite } from '../model/merge.ts';
import type { PageExtras } from '../model/page.ts';
import { settledAgeMs } from '../model/unanswered.ts';
import { healOf } from './heals.ts';
import { intending } from './intent.ts';
import { notFailing } from './page-failures.ts';
import type { Sql } from './sql.ts';

export type OperationId = string;

type Values = Readonly<Record<string, Json>>;

/** One change made to one side. `before` holds what is needed to bring the old values back (invariant 7). */
export type Operation = {
  readonly direction: 'to-notion' | 'to-postgres';
  readonly table: TableName;
  readonly key: RowKey | null;
  readonly page: PageId | null;
  readonly kind: 'create' | 'update' | 'delete' | 'restore' | 'link' | 'unlink' | 'filter' | 'rekey';
  /** A text is JSON of PostgreSQL's making, kept as it is: parsing it here would round its wide numbers. */
  readonly before: Values | string;
  readonly after: Values;
  /** What the page held beyond `before`, by property: see `Codec.extras`. */
  readonly extras?: PageExtras;
  /** The whole change of the row, by property: the one that a copy to Notion copies, or what triggers made of an edit. */
  readonly row?: RowChange | null;
  readonly lsn?: string | null;
  readonly changedAt: Date | null;
  readonly actor?: string | null;
  /** The actor's user id in Notion. */
  readonly actorId?: string | null;
  /** Names of those who may have done it, where nobody can say who did. */
  readonly candidates?: readonly string[];
  readonly attempt?: number;
  readonly batch?: string | null;
  /** A person let this deletion through: it counts for no guard. */
  readonly approved?: boolean;
};

/** The values that a row's change replaced, and those that it brought; null where there was no row. */
type RowChange = { readonly before: RowImage | null; readonly after: RowImage | null };

const membersOf = (values: Values | string): Values =>
  typeof values === 'string' ? (JSON.parse(values) as Values) : values;

/** With an epoch as $20, if there is one. */
const beginning = (epoch: number | null, intends: boolean): string => `with ${
  intends ? `intended as (${intending('$2', '$3')}),` : ''
} made as (
     insert into pgnotion.operations
       (direction, table_name, key, page_id, kind, fields, before, after, lsn, changed_at, actor, attempt, batch,
        actor_id, row_before, row_after, extras, candidates, approved)
     select $1, $2, $3, $4::uuid, $5, $6::text[], $7::jsonb, $8::jsonb, $9::pg_lsn, $10::timestamptz, $11, $12::integer,
            coalesce($13::text, ${healOf('$1', '$2', '$3', '$4::uuid')}), $14,
            $15::jsonb, $16::jsonb, $17::jsonb, $18::text[], $19::boolean
       ${epoch === null ? '' : 'from pgnotion.fence($20)'}
     returning id, batch, direction, table_name, key, page_id),
     -- Of a heal, the first operation that follows.
     tied as (
       update pgnotion.heals h set operation_id = made.id from made
        where made.batch = h.run_id::text and h.operation_id is null and h.direction = made.direction
          and h.table_name = made.table_name and (h.key = made.key or h.page_id = made.page_id))
     select id::text from made`;

/**
 * Stores the operation before the change is made: a crash between the two leaves the old values on record. With an epoch
 * it needs no transaction around it. `intends`: so is that the record's page may come to exist.
 */
export async function beginOperation(
  sql: Sql,
  operation: Operation,
  epoch: number | null = null,
  intends = false,
): Promise<OperationId> {
  const { before, after, row: change } = operation;
  const fields = [...new Set([...Object.keys(membersOf(before)), ...Object.keys(after)])];
  const jsonOf = (image: RowImage | null | undefined): string | null =>
    image == null ? null : JSON.stringify(image);
  const [row] = await sql.query<{ id: OperationId }>(beginning(epoch, intends), [
    operation.direction,
    operation.table,
    operation.key,
    operation.page,
    operation.kind,
    fields,
    typeof before === 'string' ? before : JSON.stringify(before),
    JSON.stringify(after),
    operation.lsn ?? null,
    operation.changedAt,
    operation.actor ?? null,
    operation.attempt ?? 1,
    operation.batch ?? null,
    operation.actorId ?? null,
    jsonOf(change?.before),
    jsonOf(change?.after),
    operation.extras === undefined || Object.keys(operation.extras).length === 0
      ? null
      : JSON.stringify(operation.extras),
    operation.candidates ?? [],
    operation.approved ?? false,
    ...(epoch === null ? [] : [epoch]),
  ]);
  if (row === undefined) throw new Error('insert into pgnotion.operations returned no id');
  return row.id;
}

export async function endOperation(
  sql: Sql,
  id: OperationId,
  outcome: {
    readonly status: 'done' | 'failed' | 'unknown';
    readonly error?: string;
    readonly page?: PageId;
    readonly key?: RowKey;
  },
): Promise<void> {
  await sql.query(
    `update pgnotion.operations set status = $2, error = $3, finished_at = clock_timestamp(),
            page_id = coalesce($4, page_id), key = coalesce($5, key) where id = $1`,
    [id, outcome.status, outcome.error ?? null, outcome.page ?? null, outcome.key ?? null],
  );
}

/**
 * Whether a create of this record's page is on record whose answer was lost, and which may have made a page at that
 * time of Notion's: an older page is another row's, of a time before a restore.
 */
export async function lostCreate(sql: Sql, table: TableName, key: RowKey, made: Date): Promise<boolean> {
  const rows = await sql.query(
    `select from pgnotion.operations
      where table_name = $1 and key = $2 and direction = 'to-notion' and kind = 'create'
        and (status in ('started', 'unknown') or error is not null)
        and started_at between $3::timestamptz - interval '${CREATE_APART}' and $3::timestamptz + interval '${CREATE_APART}'
      limit 1`,
    [table, key, made],
  );
  return rows.length > 0;
}

/** Notion dates to the minute by its own clock, and a create may land more than a minute after it was sent. */
const CREATE_APART = '5 minutes';

/** Pages of a table that a request may have put away whose answer was lost. */
export async function pagesPutAway(sql: Sql, table: TableName): Promise<ReadonlySet<PageId>> {
  const rows = await sql.query<{ page: PageId }>(
    `select distinct page_id as page from pgnotion.operations
      where table_name = $1 and direction = 'to-notion' and kind in ('delete', 'filter') and page_id is not null
        and status in ('started', 'unknown')`,
    [table],
  );
  return new Set(rows.map(({ page }) => page));
}

/**
 * SQL that says whether the operation of that alias was followed by another try to put its page away. Each try looks
 * before it is made, so the earlier one had not been carried out: of all tries, one counts for the guard.
 */
export const triedAgain = (operation: string): string =>
  `exists (select from pgnotion.operations later
            where later.table_name = ${operation}.table_name and later.key = ${operation}.key and later.id > ${operation}.id
              and later.page_id = ${operation}.page_id and later.direction = 'to-notion' and later.kind in ('delete', 'filter') and later.status <> 'failed')`;

/**
 * The page was found in the trash, whoever found it: a request that put it there, and whose answer was lost, was carried
 * out, and counts among the deletions of the guard's window from then on.
 */
export const settlePutAway = (sql: Sql, page: PageId): Promise<unknown> =>
  sql.query(
    `update pgnotion.operations o
        set status = 'done', finished_at = clock_timestamp(),
            error = coalesce(error, 'the answer was lost; a later look at the page settled it')
      where page_id = $1 and direction = 'to-notion' and kind in ('delete', 'filter') and status in ('started', 'unknown')
        and not ${triedAgain('o')}`,
    [page],
  );

/** What the create in doubt of this record's page has sent; null if none is on record. */
export async function doubtfulCreate(sql: Sql, table: TableName, key: RowKey): Promise<PageImage | null> {
  const [row] = await sql.query<{ after: PageImage }>(
    `select after from pgnotion.operations
      where table_name = $1 and key = $2 and direction = 'to-notion' and kind = 'create'
        and status in ('started', 'unknown') order by id desc limit 1`,
    [table, key],
  );
  return row?.after ?? null;
}

/** The whole row that the record's last deletion took away, as JSON text; null if that was not the page's doing. */
export async function lastDeletedRow(sql: Sql, table: TableName, key: RowKey): Promise<string | null> {
  const [last] = await sql.query<{ direction: Operation['direction']; row: string }>(
    `select direction, before::text as row from pgnotion.operations
      where table_name = $1 and key = $2 and kind = 'delete' and status = 'done' order by id desc limit 1`,
    [table, key],
  );
  return last?.direction === 'to-postgres' ? last.row : null;
}

/** Whether this page's row was deleted because the page went to the trash, or the other way about. */
export async function wasDeletedHere(sql: Sql, page: PageId): Promise<boolean> {
  const rows = await sql.query(
    `select from pgnotion.operations where page_id = $1 and kind = 'delete' and status = 'done' limit 1`,
    [page],
  );
  return rows.length > 0;
}

/**
 * What was sent to this record's page and never heard of again, newest first. The caller holds the record's lock, so
 * none of it is under way.
 */
export function doubtfulWrites(sql: Sql, table: TableName, key: RowKey): Promise<LostWrite[]> {
  return sql.query<LostWrite>(
    `select after as sent, coalesce(before, '{}') as before, coalesce(row_after, '{}') as "row" from pgnotion.operations
      where table_name = $1 and key = $2 and direction = 'to-notion' and kind in ('create', 'update')
        and status in ('started', 'unknown') order by id desc limit 10`,
    [table, key],
  );
}

/**
 * For how long after it has left a write to a page may still land: Notion's own deadline is 55 s. Unlike the grace of what
 * is made it has nothing to add for the lag of queries, because a page is looked at by a GET.
 */
const WRITE_GRACE_MS = 70_000;

/**
 * The page has been looked at, so what was in doubt has shown itself and must not explain later edits. It counts when
 * the look was asked for (`askedAt`, by `performance.now`), not when the doubt is closed: a write may land in between.
 */
export async function closeDoubts(sql: Sql, table: TableName, key: RowKey, askedAt: number): Promise<void> {
  await sql.query(`update pgnotion.operations ${closingDoubts('$1', '$2', '$3')}`, [
    table,
    key,
    doubtSeconds(askedAt),
  ]);
}

/** How long ago a write must have left for a look that was asked for at `askedAt` to show what came of it. */
export const doubtSeconds = (askedAt: number): number =>
  settledAgeMs(WRITE_GRACE_MS, performance.now() - askedAt) / 1_000;

/** The rest of an `update pgnotion.operations`, given the names of its parameters. */
export const closingDoubts = (table: string, key: string, seconds: string): string =>
  `set status = 'done', finished_at = coalesce(finished_at, clock_timestamp()),
            error = coalesce(error, 'the answer was lost; a later look at the page settled it')
      where table_name = ${table} and key = ${key} and direction = 'to-notion' and kind in ('create', 'update')
        and status in ('started', 'unknown')
        and started_at < clock_timestamp() - make_interval(secs => ${seconds}::float8)`;

/**
 * Linked pages whose lost writes can no longer land: a look at them now ends the doubt. Of other tables than those of
 * `except`.
 */
export async function ripeDoubts(
  sql: Sql,
  limit: number,
  except: readonly TableName[] = [],
): Promise<{ table: TableName; page: PageId }[]> {
  return sql.query(
    `select distinct r.table_name as "table", r.page_id as page
       from pgnotion.operations o
       join pgnotion.records r using (table_name, key)
       join pgnotion.data_sources d using (table_name)
      where d.paused_at is null and o.direction = 'to-notion' and o.kind in ('create', 'update') and o.status in ('started', 'unknown')
        and r.state = 'linked' and o.started_at < clock_timestamp() - make_interval(secs => $1)
        and r.table_name <> all($3::text[]) and ${notFailing('r.page_id')} limit $2`,
    [settledAgeMs(WRITE_GRACE_MS) / 1_000, limit, except],
  );
}

/** PostgreSQL's clock, in milliseconds. */
export async function timeOf(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ now: number }>(
    'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
  );
  return Number(row?.now);
}

/** The records of a table whose pages requests are under way to that began before a time of PostgreSQL's clock. */
export async function keysWrittenFrom(
  sql: Sql,
  table: TableName,
  before: number,
): Promise<readonly RowKey[]> {
  const rows = await sql.query<{ key: RowKey }>(
    `select distinct key from pgnotion.operations
      where table_name = $1 and direction = 'to-notion' and status = 'started' and started_at <= to_timestamp($2 / 1000.0)
        and started_at > clock_timestamp() - interval '5 minutes'`,
    [table, before],
  );
  return rows.map(({ key }) => key);
}
