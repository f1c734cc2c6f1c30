import type { PageImage, RowImage } from '../model/change.ts';
import type { Clash, ConflictType } from '../model/clash.ts';
import type { Strategy } from '../model/conflict.ts';
import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { Winner } from '../model/merge.ts';
import { ownCall } from './own-call.ts';
import { notFailing } from './page-failures.ts';
import type { Sql } from './sql.ts';

const LIVE = `status in ('open', 'decided')`;
const TARGET = `(table_name, record_id, type, (coalesce(fields[1], ''))) where ${LIVE}`;
const COLUMNS = `type, table_name, record_id, page_id, fields, base, local_record, remote_record, note,
  row_changed_at, edited_from, edited_to`;
const VALUES = '$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12';
const TIMES = `row_changed_at = excluded.row_changed_at, edited_from = excluded.edited_from, edited_to = excluded.edited_to`;

const valuesOf = (clash: Clash): unknown[] => [
  clash.type,
  clash.table,
  clash.key,
  clash.page,
  clash.field === null ? [] : [clash.field],
  JSON.stringify(clash.base),
  JSON.stringify(clash.local),
  JSON.stringify(clash.remote),
  clash.note ?? null,
  clash.times?.rowChangedAt ?? null,
  clash.times?.edit.from ?? null,
  clash.times?.edit.to ?? null,
];

/**
 * The conflicts of a record that are not over. `lock` keeps decisions out until the transaction ends: it has to come
 * before the transaction touches outbox or edits, because `resolve_conflict` takes them in that order.
 */
export async function liveConflicts(
  sql: Sql,
  table: TableName,
  key: RowKey,
  lock = false,
): Promise<LiveConflict[]> {
  // The users' own connections read every value as text, so nothing but text is asked for here.
  const rows = await sql.query<Omit<LiveConflict, 'review'> & { readonly strategy: string }>(
    `select c.id::text, type, fields[1] as field, resolution as choice, value::text, resolved_by as by, strategy
       from pgnotion.conflict_entries c where table_name = $1 and record_id = $2 and ${LIVE}
      order by c.id ${lock ? 'for update' : ''}`,
    [table, key],
  );
  return rows.map(({ strategy, ...conflict }) => ({ ...conflict, review: strategy === 'review' }));
}

/** Fields of these records that both sides changed and that wait for a person's decision. */
export async function heldFields(
  sql: Sql,
  table: TableName,
  keys: readonly RowKey[],
): Promise<ReadonlyMap<RowKey, ReadonlySet<string>>> {
  const rows = await sql.query<{ key: RowKey; fields: string[] }>(
    `select record_id as key, array_agg(fields[1]) as fields from pgnotion.conflict_entries
      where table_name = $1 and record_id = any($2::text[]) and type = 'CONCURRENT_UPDATE' and status = 'open'
      group by 1`,
    [table, keys],
  );
  return new Map(rows.map(({ key, fields }) => [key, new Set(fields)]));
}

/** The same as a part of another statement, as JSON, given the names of its parameters. */
export const liveConflictsJson = (table: string, key: string): string =>
  `(select coalesce(jsonb_agg(jsonb_build_object('id', c.id::text, 'type', c.type, 'field', c.fields[1],
             'choice', c.resolution, 'value', c.value::text, 'by', c.resolved_by,
             'review', c.strategy = 'review') order by c.id), '[]')
      from pgnotion.conflict_entries c
     where c.table_name = ${table} and c.record_id = ${key} and c.${LIVE})`;

/**
 * Keeps a conflict open until a person decides it, with the values as they are now. A decision stays as it is. `review`: it
 * waits for a person whatever the rule of its field says.
 */
export async function holdConflict(
  sql: Sql,
  clash: Clash,
  strategy: 'manual' | 'review' = 'manual',
): Promise<void> {
  await sql.query(
    `insert into pgnotion.conflict_entries as c (${COLUMNS}, strategy, status)
     values (${VALUES}, $13, 'open')
     on conflict ${TARGET} do update
       set ${TIMES}, page_id = excluded.page_id, base = excluded.base, local_record = excluded.local_record,
           remote_record = excluded.remote_record, note = coalesce(excluded.note, c.note),
           strategy = case c.strategy when 'review' then c.strategy else excluded.strategy end,
           status = case when c.resolved_by is null then 'open' else c.status end,
           resolution = case when c.resolved_by is null then null else c.resolution end`,
    [...valuesOf(clash), strategy],
  );
}

/** Keeps what a rule has decided before it is carried out. What a person decided stays as it is. */
export async function decideConflict(
  sql: Sql,
  clash: Clash,
  winner: Winner,
  strategy: Strategy,
): Promise<void> {
  await sql.query(
    `insert into pgnotion.conflict_entries as c (${COLUMNS}, strategy, status, resolution, decided_at)
     values (${VALUES}, $13, 'decided', $14, clock_timestamp())
     on conflict ${TARGET} do update
       set ${TIMES}, page_id = excluded.page_id, base = excluded.base, local_record = excluded.local_record,
           remote_record = excluded.remote_record, note = excluded.note, strategy = excluded.strategy,
           status = 'decided', resolution = excluded.resolution, decided_at = excluded.decided_at
     where c.resolved_by is null`,
    [...valuesOf(clash), strategy, winner],
  );
}

/** Keeps that a conflict was decided and carried out, by a rule, in this transaction. */
export async function recordResolved(
  sql: Sql,
  clash: Clash,
  resolution: string,
  strategy: Strategy,
): Promise<void> {
  await sql.query(
    `with closed as (
       update pgnotion.conflict_entries
          set status = 'resolved', resolution = $14, resolved_at = clock_timestamp(), note = $9, page_id = $4,
              base = $6, local_record = $7, remote_record = $8, row_changed_at = $10, edited_from = $11, edited_to = $12,
              strategy = case when resolved_by is null then $13 else strategy end
        where type = $1 and table_name = $2 and record_id = $3 and fields = $5 and ${LIVE} returning 1)
     insert into pgnotion.conflict_entries (${COLUMNS}, strategy, status, resolution, decided_at, resolved_at)
     select ${VALUES}, $13, 'resolved', $14, clock_timestamp(), clock_timestamp()
      where not exists (select from closed)`,
    [...valuesOf(clash), strategy, resolution],
  );
}

/**
 * The pair is no more, and what was open of it ends with it. A decision that was not carried out is no resolution: the
 * note says what became of it instead.
 */
export async function outdateConflicts(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await sql.query(
    `update pgnotion.conflict_entries
        set status = 'outdated', resolved_at = clock_timestamp(),
            note = 'the record was deleted, and this ended with it' || case
              when resolved_by is not null and resolution is not null
              then format(': what %s decided (%s) was not carried out', resolved_by, resolution) else '' end,
            resolution = null
      where table_name = $1 and record_id = $2 and ${LIVE}`,
    [table, key],
  );
}

/** Linked pages of decisions that should have been carried out by now: a look at them shows what became of it. */
export async function staleDecisions(
  sql: Sql,
  seconds: number,
): Promise<{ readonly table: TableName; readonly page: PageId }[]> {
  return sql.query(
    `select distinct r.table_name as "table", r.page_id as page
       from pgnotion.conflict_entries c
       join pgnotion.records r on r.table_name = c.table_name and r.key = c.record_id
       join pgnotion.data_sources d on d.table_name = c.table_name
      where c.status = 'decided' and c.decided_at < clock_timestamp() - make_interval(secs => $1)
        and r.page_id is not null and r.state <> 'creating' and d.paused_at is null
        and ${notFailing('r.page_id')} limit 20`,
    [seconds],
  );
}

/** Forgets conflicts that have been over for so many days, at most a thousand at a time. */
export async function pruneConflicts(sql: Sql, days: number): Promise<void> {
  await sql.query(
    `delete from pgnotion.conflict_entries where id in (
       select id from pgnotion.conflict_entries
        where status in ('resolved', 'outdated') and resolved_at < clock_timestamp() - make_interval(days => $1)
        order by resolved_at limit 1000)`,
    [days],
  );
}

/** A conflict as people see it. */
export type ConflictLine = {
  readonly id: string;
  readonly type: ConflictType;
  readonly table_name: TableName;
  readonly record_id: RowKey;
  readonly page_id: PageId | null;
  readonly fields: readonly string[];
  readonly base: { readonly row?: RowImage; readonly page?: PageImage };
  readonly local_record: RowImage;
  readonly remote_record: PageImage;
  readonly strategy: string;
  readonly status: 'open' | 'decided' | 'resolved' | 'outdated';
  readonly resolution: string | null;
  /** JSON text. */
  readonly value: string | null;
  readonly note: string | null;
  readonly detected_at: Date;
  readonly decided_at: Date | null;
  readonly resolved_at: Date | null;
  readonly resolved_by: string | null;
  readonly row_changed_at: Date | null;
  readonly edited_from: Date | null;
  readonly edited_to: Date | null;
};

const LINE = `id, type, table_name, record_id, page_id, fields, base, local_record, remote_record, strategy, status,
  resolution, value::text as value, note, detected_at, decided_at, resolved_at, resolved_by, row_changed_at, edited_from,
  edited_to`;

/** What waits for a decision, or all that is kept, of one table or of all; the newest thousand. */
export function readConflicts(sql: Sql, all: boolean, table: string | null = null): Promise<ConflictLine[]> {
  return sql.query<ConflictLine>(
    `select ${LINE} from pgnotion.${all ? 'conflicts' : 'open_conflicts'}
      where $1::text is null or table_name = $1 order by id desc limit 1000`,
    [table],
  );
}

/** The conflicts of a record that wait for a decision, or for the daemon to carry one out. */
export const readRecordConflicts = (sql: Sql, table: string, key: string): Promise<ConflictLine[]> =>
  sql.query<ConflictLine>(
    `select ${LINE} from pgnotion.open_conflicts where table_name = $1 and record_id = $2 order by id desc`,
    [table, key],
  );

/** `id` is whatever a person typed; null if there is no such conflict. */
export async function readConflict(sql: Sql, id: string): Promise<ConflictLine | null> {
  const [line] = await sql.query<ConflictLine>(`select ${LINE} from pgnotion.conflicts where id::text = $1`, [
    id,
  ]);
  return line ?? null;
}

type Resolved = { readonly accepted: boolean; readonly message: string };

/**
 * Decides an open conflict in a person's name; the daemon carries it out. The first decision stands: a later one is not
 * accepted, and is told who was first. `value` is the row's value as JSON text.
 */
export async function resolveConflict(
  sql: Sql,
  id: string,
  choice: { readonly keep: Winner } | { readonly value: string },
  who: string,
): Promise<Resolved> {
  const [row] = await sql.query<Resolved>(
    `select (answer).accepted, (answer).message
       from (${ownCall(`pgnotion.resolve_conflict($1::bigint, $2::${'keep' in choice ? 'text' : 'jsonb'}, $3)`)}) as told`,
    [id, 'keep' in choice ? choice.keep : choice.value, who],
  );
  if (row === undefined) throw new Error('resolve_conflict gave no answer');
  return row;
}

/** Tells whoever looks at an open conflict why a choice could not be read; nothing is decided by it. */
export async function noteConflict(sql: Sql, id: string, note: string): Promise<void> {
  await sql.query(`update pgnotion.conflict_entries set note = $2 where id = $1 and status = 'open'`, [
    id,
    note,
  ]);
}
