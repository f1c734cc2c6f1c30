import type { PageImage, RowImage } from '../model/change.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { RestingState } from '../model/record-state.ts';
import { BULK } from '../model/urgency.ts';
import type { Sql } from './sql.ts';

export async function beginHeal(
  sql: Sql,
  { selection, actor, total }: { readonly selection: string; readonly actor: string; readonly total: number },
): Promise<string> {
  const [row] = await sql.query<{ id: string }>(
    `insert into pgnotion.runs (kind, selection, actor, total) values ('heal', $1, $2, $3) returning id::text`,
    [selection, actor, total],
  );
  return row?.id ?? '0';
}

/** What is healed of one record or page: the next operation of it belongs to the run. */
export type Healed = {
  readonly table: TableName;
  readonly key: RowKey | null;
  readonly page: PageId | null;
  readonly direction: 'to-notion' | 'to-postgres';
};

export async function noteHeal(sql: Sql, run: string, healed: Healed): Promise<void> {
  const { table, key, page, direction } = healed;
  await sql.query(
    `insert into pgnotion.heals (run_id, table_name, ref, key, page_id, direction)
     values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
    [run, table, page ?? `key ${key ?? ''}`, key, page, direction],
  );
}

/** How long an operation that follows may be that of a heal. */
const HEAL_HOURS = 24;

/** The run of a heal that waits for such an operation; a part of another statement, by the names of its parameters. */
export const healOf = (direction: string, table: string, key: string, page: string): string =>
  `(select h.run_id::text from pgnotion.heals h
     where h.operation_id is null and h.direction = ${direction} and h.table_name = ${table}
       and (h.key = ${key} or h.page_id = ${page})
       and h.asked_at > clock_timestamp() - interval '${HEAL_HOURS} hours'
     order by h.run_id desc limit 1)`;

/**
 * Moves bases by hand of a record that nobody has touched since it was looked at: the page holds something else by them. False if
 * somebody has.
 */
export async function rebase(
  sql: Sql,
  record: { readonly table: TableName; readonly key: RowKey; readonly syncedAt: Date | null },
  base: { readonly row: RowImage; readonly page: PageImage },
): Promise<boolean> {
  const rows = await sql.query(
    `update pgnotion.records set base_row = base_row || $4, base_page = base_page || $5, agreed_at = null, synced_at = clock_timestamp()
      where table_name = $1 and key = $2 and state = 'linked'
        and date_trunc('milliseconds', synced_at) is not distinct from $3::timestamptz returning 1`,
    [record.table, record.key, record.syncedAt, JSON.stringify(base.row), JSON.stringify(base.page)],
  );
  return rows.length > 0;
}

/** Has a record delivered in its turn, behind what people wait for. */
export async function deliverSoon(
  sql: Sql,
  {
    table,
    key,
    kind,
    fields,
  }: {
    readonly table: TableName;
    readonly key: RowKey;
    readonly kind: 'write' | 'delete';
    readonly fields: readonly string[];
  },
): Promise<void> {
  await sql.query(
    `select pgnotion.enqueue(array[$1], array[$2], $3, urgency => ${BULK}::smallint, restored => $4::text[])`,
    [table, key, kind, fields],
  );
}

/** A person's word on a page that left: its row wins, so that it comes back. */
export async function rejectRemoval(
  sql: Sql,
  { table, key, page }: { readonly table: TableName; readonly key: RowKey; readonly page: PageId },
): Promise<void> {
  await sql.query(`select pgnotion.command_edits(array[$3::uuid], array[$1], array[$2], 'reject')`, [
    table,
    key,
    page,
  ]);
}

/** Has a page that no record has looked at. */
export async function lookAtPage(sql: Sql, table: TableName, page: PageId): Promise<void> {
  await sql.query('select pgnotion.wake_edits(array[$2::uuid], array[$1], array[null::text])', [table, page]);
}

/**
 * The row is gone or marked as deleted, and the page live: the record rests as if the page had been brought back, which
 * brings the row back.
 */
export async function restAsBroughtBack(
  sql: Sql,
  { table, key, state }: { readonly table: TableName; readonly key: RowKey; readonly state: RestingState },
): Promise<boolean> {
  const rows = await sql.query(
    `update pgnotion.records set state = $3, rested_at = clock_timestamp()
      where table_name = $1 and key = $2 and state = 'linked' returning 1`,
    [table, key, state],
  );
  return rows.length > 0;
}

/** The page of a record that rests is live: the pair goes on, for its deletion to be carried out once more. */
export async function linkAgain(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await sql.query(
    `update pgnotion.records set state = 'linked', rested_at = null
      where table_name = $1 and key = $2 and (state like 'deleted%' or state like 'filtered%' or state = 'soft_deleted')`,
    [table, key],
  );
}
