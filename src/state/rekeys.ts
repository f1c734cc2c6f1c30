import type { RowKey, TableName } from '../model/ids.ts';
import { type KeyMove, yieldingMoves } from '../model/rekey.ts';
import { commandEdits } from './edits.ts';
import { AWAKE } from './outbox.ts';
import type { Sql } from './sql.ts';

/** A move as the log tells it. `place` is its place in the transaction. */
export type LoggedMove = KeyMove & { readonly xid: number; readonly at: Date; readonly place: number };

/** Keeps moves until they are carried over. One that is read again is known. */
export async function keepMoves(sql: Sql, moves: readonly LoggedMove[]): Promise<void> {
  if (moves.length === 0) return;
  await sql.query(`delete from pgnotion.rekeys where applied_at < clock_timestamp() - interval '1 day'`);
  await sql.query(
    `insert into pgnotion.rekeys (table_name, old_key, new_key, xid, commit_at, place)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::integer[])
     on conflict do nothing`,
    [
      moves.map(({ table }) => table),
      moves.map(({ from }) => from),
      moves.map(({ to }) => to),
      moves.map(({ xid }) => xid),
      moves.map(({ at }) => at),
      moves.map(({ place }) => place),
    ],
  );
}

type PendingMove = KeyMove & { readonly id: string };

/**
 * The oldest moves that are not carried over, in the order of the log. They are ordered by the column of the table: a bare
 * `id` would be the text that is selected, where 10 comes before 9.
 */
export const pendingMoves = (sql: Sql, limit: number): Promise<PendingMove[]> =>
  sql.query(
    `select m.id::text, m.table_name as "table", m.old_key as "from", m.new_key as "to" from pgnotion.rekeys m
      where m.applied_at is null order by m.id limit $1`,
    [limit],
  );

/** Nothing is delivered under an old key. */
export const NO_MOVE_PENDING = 'not exists (select from pgnotion.rekeys k where k.applied_at is null)';

/** Whether a row got this key, or lost it, and its record has not followed yet. */
export async function isMovePending(sql: Sql, table: TableName, key: RowKey): Promise<boolean> {
  const rows = await sql.query(
    `select from pgnotion.rekeys where applied_at is null and table_name = $1 and $2 in (old_key, new_key) limit 1`,
    [table, key],
  );
  return rows.length > 0;
}

export const markApplied = (sql: Sql, ids: readonly string[]): Promise<unknown> =>
  sql.query('update pgnotion.rekeys set applied_at = clock_timestamp() where id = any($1::bigint[])', [ids]);

/** What belongs to a record by its key. */
const BY_KEY = [
  ['records', 'table_name', 'key'],
  ['edits', 'table_name', 'key'],
  ['waiting', 'table_name', 'key'],
  ['waiting', 'target_table', 'target_key'],
  ['clearings', 'table_name', 'key'],
  ['operations', 'table_name', 'key'],
  ['conflict_entries', 'table_name', 'record_id'],
  ['page_failures', 'table_name', 'key'],
  ['refused_fields', 'table_name', 'key'],
] as const;

/**
 * Gives records of one table new keys, all at once, with all that is kept of them: their pages and bases stay. `moves` are
 * net. The caller holds the locks of all records that they name.
 */
export async function rekey(sql: Sql, table: TableName, moves: readonly KeyMove[]): Promise<void> {
  // As text, because the users' own connections read no other type.
  const there = await sql.query<{ key: RowKey; life: 'over' | 'goes on' }>(
    `select key, case when state like 'deleted%' or state = 'soft_deleted' then 'over' else 'goes on' end as life
       from pgnotion.records
      where table_name = $1 and key = any($2::text[]) for update`,
    [table, moves.flatMap(({ from, to }) => [from, to])],
  );
  const known = new Set(there.map(({ key }) => key));
  const kept = new Set(there.filter(({ life }) => life !== 'over').map(({ key }) => key));
  const followed = moves.filter(({ from }) => known.has(from));
  if (followed.length === 0) return;
  // A move to be ended needs no record of its own for its key to be free.
  const yielding = yieldingMoves(moves, kept).filter((move) => followed.some(({ to }) => to === move.from));
  const made = [...followed, ...yielding];
  const leaving = new Set(made.map(({ from }) => from));
  // A record that was deleted, and only remembered, gives way to the row that has its key now.
  await sql.query('delete from pgnotion.records where table_name = $1 and key = any($2::text[])', [
    table,
    made.map(({ to }) => to).filter((to) => known.has(to) && !leaving.has(to)),
  ]);
  for (const [name, of, column] of BY_KEY)
    await moveKeys(sql, `pgnotion.${name}`, [of, column], { table, moves: made });
  await clearWay(sql, table, made);
  for (const [name, of, column] of BY_KEY)
    await settleKeys(sql, `pgnotion.${name}`, [of, column], { table, moves: made });
  await moveLines(sql, table, made);
  const tos = new Set(followed.map(({ to }) => to));
  await lookAgain(
    sql,
    table,
    followed.map(({ from }) => from).filter((from) => !tos.has(from)),
  );
  await releaseEdits(sql, table, followed);
  await noteMoves(sql, table, made);
}

/** In two steps, because a key is given away before it is free. */
const moveKeys = (
  sql: Sql,
  name: string,
  [of, column]: readonly [string, string],
  { table, moves }: { readonly table: TableName; readonly moves: readonly KeyMove[] },
): Promise<unknown> =>
  sql.query(
    `update ${name} set ${column} = chr(1) || u.new from unnest($2::text[], $3::text[]) as u(old, new)
      where ${of} = $1 and ${column} = u.old`,
    [table, moves.map(({ from }) => from), moves.map(({ to }) => to)],
  );

const settleKeys = (
  sql: Sql,
  name: string,
  [of, column]: readonly [string, string],
  { table, moves }: { readonly table: TableName; readonly moves: readonly KeyMove[] },
): Promise<unknown> =>
  sql.query(
    `update ${name} set ${column} = substr(${column}, 2)
      where ${of} = $1 and ${column} = any(select chr(1) || t from unnest($2::text[]) as t)`,
    [table, moves.map(({ to }) => to)],
  );

/**
 * What a row without a record has left under a key that another row's record gets: its own notes of the same kinds would
 * meet them.
 */
async function clearWay(sql: Sql, table: TableName, moves: readonly KeyMove[]): Promise<void> {
  const values = [table, moves.map(({ to }) => to)];
  for (const name of ['waiting', 'clearings', 'refused_fields'])
    await sql.query(`delete from pgnotion.${name} where table_name = $1 and key = any($2::text[])`, values);
  // Who waits for both pages waits for the one that is there.
  await sql.query(
    `delete from pgnotion.waiting w where w.target_table = $1 and w.target_key = any($2::text[])
        and exists (select from pgnotion.waiting o where o.target_table = $1 and o.target_key = chr(1) || w.target_key
                       and o.table_name = w.table_name and o.key = w.key)`,
    values,
  );
}

/** What waits goes along, and is delivered anew: the page shows the key. */
async function moveLines(sql: Sql, table: TableName, moves: readonly KeyMove[]): Promise<void> {
  const [froms, tos] = [moves.map(({ from }) => from), moves.map(({ to }) => to)];
  const versions = `(select max(version) + 1 from pgnotion.outbox
    where table_name = $1 and key = any($2::text[] || $3::text[]))`;
  await sql.query(
    `insert into pgnotion.outbox as o (table_name, key, kind, restore, version, changed_at, first_at)
     select $1, u.new, 'write', coalesce(f.restore, '{}'), coalesce(${versions}, 1),
            coalesce(f.changed_at, clock_timestamp()), coalesce(f.first_at, clock_timestamp())
       from unnest($2::text[], $3::text[]) as u(old, new)
       left join pgnotion.outbox f on f.table_name = $1 and f.key = u.old
     on conflict (table_name, key) do update
       set restore = excluded.restore, version = excluded.version, approved = false, priority = 0,
           leaves = null, ${AWAKE}`,
    [table, froms, tos],
  );
}

/** Whatever has the old key by now, a row or nothing, is looked at once more. */
const lookAgain = (sql: Sql, table: TableName, keys: readonly RowKey[]): Promise<unknown> =>
  sql.query(
    `update pgnotion.outbox set kind = 'delete', restore = '{}', approved = false, version = version + 1, ${AWAKE}
      where table_name = $1 and key = any($2::text[])`,
    [table, keys],
  );

/** Whatever waited for the page under its old key, or was refused because its row was not found, is looked at again. */
const releaseEdits = (sql: Sql, table: TableName, moves: readonly KeyMove[]): Promise<unknown> =>
  commandEdits(
    sql,
    'look',
    { which: 'table_name = $1 and key = any($2::text[])', parameters: [table, moves.map(({ to }) => to)] },
    { overrides: false },
  );

const noteMoves = (sql: Sql, table: TableName, moves: readonly KeyMove[]): Promise<unknown> =>
  sql.query(
    `insert into pgnotion.operations (direction, table_name, key, page_id, kind, fields, before, after, status, finished_at)
     select 'to-notion', r.table_name, r.key, r.page_id, 'rekey', '{key}', jsonb_build_object('key', u.old),
            jsonb_build_object('key', u.new), 'done', clock_timestamp()
       from unnest($2::text[], $3::text[]) as u(old, new)
       join pgnotion.records r on r.table_name = $1 and r.key = u.new`,
    [table, moves.map(({ from }) => from), moves.map(({ to }) => to)],
  );

/** A relation of one table to another one's records. */
export type Relation = {
  readonly table: TableName;
  readonly property: string;
  readonly relatedTable: TableName;
  readonly isArray: boolean;
};

/**
 * Bases that hold a record's key as a relation follow the record: its former key is another row's by now, or nobody's, and a
 * row that refers to that one has changed though its value reads the same. So has one that refers to the key that the record
 * has now, and shows the page of the record that had it before. Without a base the row's value is written again where the page
 * shows another one.
 */
export const voidRelationBases = (
  sql: Sql,
  moves: readonly KeyMove[],
  { table, property, relatedTable, isArray }: Relation,
): Promise<unknown> =>
  sql.query(
    `with moved as (
       select key, page_id::text as page from pgnotion.records
        where table_name = $1 and key = any($2::text[]) and page_id is not null),
     based as (
       update pgnotion.records r set base_row = r.base_row - $4::text
        where r.table_name = $3 and r.state = 'linked' and r.base_row ->> $4 is not null
          and exists (select from moved where r.base_page -> $4 ? moved.page
                         <> (moved.key = any(${isArray ? '(r.base_row ->> $4)::text[]' : 'array[r.base_row ->> $4]'})))
        returning r.key)
     select pgnotion.enqueue(array_agg($3::text), array_agg(key), 'write') from based having count(*) > 0`,
    [relatedTable, moves.map(({ to }) => to), table, property],
  );
