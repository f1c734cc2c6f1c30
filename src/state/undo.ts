import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { RowEvent } from '../model/rollback.ts';
import { UNDOABLE } from './activity.ts';
import type { Sql } from './sql.ts';

/** Which changes a rollback takes back. Times are those at which PostgreSQL committed the change. */
export type UndoSelection =
  | { readonly by: 'operation'; readonly id: string }
  /** `to`: all changes after that time; null: the last one. */
  | { readonly by: 'record'; readonly table: TableName; readonly key: RowKey; readonly to: Date | null }
  | {
      readonly by: 'time';
      readonly since: Date;
      readonly until: Date | null;
      readonly table: TableName | null;
      readonly actor: string | null;
      /** Also what that person may have done: one of several candidates. */
      readonly possible: boolean;
    }
  /** What another rollback did. */
  | { readonly by: 'run'; readonly run: string };

/** A copy of what an edit or a rollback did is no change by itself: the operation right before it tells all of it. */
const OWN = `${UNDOABLE} and not (o.direction = 'to-notion' and exists (
  select from (
    select p.direction, p.row_before, p.row_after from pgnotion.operations p
     where p.table_name = o.table_name and p.key = o.key and p.id < o.id and p.kind in ('create', 'update', 'delete')
     order by p.id desc limit 1) p
   where p.direction = 'to-postgres' and coalesce(o.row_before, '{}') <@ p.row_before
     and coalesce(o.row_after, '{}') <@ coalesce(p.row_after, '{}')))`;

const COMMITTED = `case o.direction when 'to-notion' then coalesce(o.changed_at, o.started_at) else o.started_at end`;

type Condition = { readonly text: string; readonly values: readonly unknown[] };

/** A selection among what there was when the rollback began: what it does itself must never select itself. */
export type Selected = {
  readonly selection: UndoSelection;
  /** The last operation that counts. */
  readonly upTo: string;
  /** A run whose operations do not count: this rollback's own, which may have broken off. */
  readonly notRun: string | null;
};

export async function lastOperation(sql: Sql): Promise<string> {
  const [row] = await sql.query<{ id: string }>(
    'select coalesce(max(id), 0)::text as id from pgnotion.operations',
  );
  return row?.id ?? '0';
}

function conditionOf({ selection, upTo, notRun }: Selected): Condition {
  // Both are numbers that PostgreSQL gave.
  const others = notRun === null ? '' : ` and o.batch is distinct from '${BigInt(notRun)}'`;
  const bounds = `o.id <= ${BigInt(upTo)}${others}`;
  const { text, values } = choiceOf(selection, bounds);
  return { text: `${bounds} and ${text}`, values };
}

function choiceOf(selection: UndoSelection, bounds: string): Condition {
  switch (selection.by) {
    case 'operation':
      return { text: `${UNDOABLE} and o.id = $1`, values: [selection.id] };
    case 'record': {
      const { table, key, to } = selection;
      const one = `${bounds} and o.table_name = $1 and o.key = $2 and ${OWN}`;
      return to === null
        ? {
            text: `o.id = (select max(o.id) from pgnotion.operations o where ${one})`,
            values: [table, key],
          }
        : { text: `${one} and ${COMMITTED} > $3`, values: [table, key, to] };
    }
    case 'time': {
      const { since, until, table, actor, possible } = selection;
      // A change is committed before its operation starts, as far as the clocks agree: that bounds the search.
      return {
        text: `${OWN} and o.started_at >= $1::timestamptz - interval '1 hour' and ${COMMITTED} >= $1
          and ($2::timestamptz is null or ${COMMITTED} <= $2) and ($3::text is null or o.table_name = $3)
          and ($4::text is null or lower($4) in (lower(o.actor), lower(o.actor_id)) or $5
               and exists (select from unnest(o.candidates) name where lower(name) = lower($4)))`,
        values: [since, until, table, actor, possible],
      };
    }
    case 'run':
      return { text: `${UNDOABLE} and o.batch = $1`, values: [selection.run] };
    default:
      return selection satisfies never;
  }
}

export async function selectedTables(sql: Sql, selection: Selected): Promise<TableName[]> {
  const { text, values } = conditionOf(selection);
  const rows = await sql.query<{ name: TableName }>(
    `select distinct o.table_name as name from pgnotion.operations o where ${text} order by 1`,
    values,
  );
  return rows.map((row) => row.name);
}

/** The keys of the records of one table that are concerned, a chunk at a time. */
export async function* selectedKeys(
  sql: Sql,
  selection: Selected,
  table: TableName,
  size: number,
): AsyncIterable<RowKey[]> {
  const { text, values } = conditionOf(selection);
  const at = values.length;
  let after: string | null = null;
  for (;;) {
    const rows: { key: RowKey }[] = await sql.query<{ key: RowKey }>(
      `select distinct o.key collate "C" as key from pgnotion.operations o
        where ${text} and o.table_name = $${at + 1} and ($${at + 2}::text is null or o.key collate "C" > $${at + 2})
        order by 1 limit $${at + 3}`,
      [...values, table, after, size],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.key;
    yield rows.map((row) => row.key);
  }
}

type SelectedEvent = RowEvent & { readonly key: RowKey };

const EVENTS_AT_ONCE = 1_000;

/** The selected changes of these records, newest first, however many there are. */
export async function* selectedEvents(
  sql: Sql,
  selection: Selected,
  table: TableName,
  keys: readonly RowKey[],
): AsyncIterable<SelectedEvent> {
  const { text, values } = conditionOf(selection);
  const at = values.length;
  let before: string | null = null;
  for (;;) {
    const rows: EventRow[] = await sql.query<EventRow>(
      `select o.id::text, o.key, o.kind, o.page_id as page, o.direction,
              case when ${WHOLE} then '{}' when o.direction = 'to-postgres' then o.before else o.row_before end as before,
              case o.direction when 'to-postgres' then o.after else o.row_after end as after,
              case when ${WHOLE} then o.before::text end as whole,
              case when ${WHOLE} then (select min(k) from jsonb_object_keys(o.after) k) end as marked
         from pgnotion.operations o
        where ${text} and o.table_name = $${at + 1} and o.key = any($${at + 2}::text[])
          and ($${at + 3}::bigint is null or o.id < $${at + 3})
        order by o.id desc limit $${at + 4}`,
      [...values, table, keys, before, EVENTS_AT_ONCE],
    );
    for (const row of rows) yield toEvent(row);
    const last = rows.at(-1);
    if (last === undefined || rows.length < EVENTS_AT_ONCE) return;
    before = last.id;
  }
}

/** A row that pgnotion deleted is kept with all of its columns. */
const WHOLE = `o.direction = 'to-postgres' and o.kind = 'delete'`;

type EventRow = {
  readonly id: string;
  readonly key: RowKey;
  readonly kind: RowEvent['kind'];
  readonly page: PageId | null;
  readonly before: RowEvent['before'] | null;
  readonly after: RowEvent['after'] | null;
  readonly whole: string | null;
  readonly marked: string | null;
};

const toEvent = ({ key, kind, page, before, after, whole, marked }: EventRow): SelectedEvent => ({
  key,
  kind,
  page,
  before: before ?? {},
  after: after ?? {},
  whole,
  marked,
});

/** How many changes of these tables wait in the outbox: they have no operation yet, and nothing takes them back. */
export async function countWaiting(sql: Sql, tables: readonly TableName[]): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    'select count(*)::int as n from pgnotion.outbox where table_name = any($1::text[])',
    [tables],
  );
  return row?.n ?? 0;
}

/**
 * Ties a row that came back to the page that it had. The page is in the trash, and the way back takes it out as it does
 * when a person refuses a deletion; without a base, the row's values win then. A record that is there again stays as it is.
 */
export async function unrest(sql: Sql, table: TableName, key: RowKey, page: PageId): Promise<void> {
  await sql.query(
    `with pair as (
       insert into pgnotion.records (table_name, key, page_id, state) values ($1, $2, $3, 'away_trashed')
       on conflict do nothing returning 1)
     select pgnotion.command_edits(array[$3::uuid], array[$1], array[$2], 'reject') from pair`,
    [table, key, page],
  );
}

/** How many changes are left out because the named person is only one of those who may have made them. */
export async function countPossible(sql: Sql, { selection, ...bounds }: Selected): Promise<number> {
  if (selection.by !== 'time' || selection.actor === null || selection.possible) return 0;
  const { text, values } = conditionOf({ ...bounds, selection: { ...selection, possible: true } });
  const [row] = await sql.query<{ n: number }>(
    `select count(*)::int as n from pgnotion.operations o
      where ${text} and lower($4) not in (lower(coalesce(o.actor, '')), lower(coalesce(o.actor_id, '')))`,
    values,
  );
  return row?.n ?? 0;
}
