import type { DataSourceId, PageId, TableName } from '../model/ids.ts';
import { markSwept } from './sources.ts';
import type { Sql } from './sql.ts';

/** A whole reading of a data source that has begun. */
export type Sweep = {
  readonly table: TableName;
  readonly startedAt: Date;
  /** Goes on from pages that were created at this time; null begins with the oldest. */
  readonly position: Date | null;
};

/** Takes up the sweep that a stop or a crash left unfinished, or begins one. */
export async function beginSweep(sql: Sql, table: TableName, source: DataSourceId): Promise<Sweep> {
  const [row] = await sql.query<{ started_at: Date; position: Date | null }>(
    `insert into pgnotion.sweeps as s (table_name, data_source_id, started_at) values ($1, $2, clock_timestamp())
     on conflict (table_name) do update set
       started_at = case when ${BROKEN_OFF} then s.started_at else clock_timestamp() end,
       position = case when ${BROKEN_OFF} then s.position end,
       pages = case when ${BROKEN_OFF} then s.pages else 0 end,
       expected = case when ${BROKEN_OFF} then s.expected else s.pages end,
       data_source_id = excluded.data_source_id, asked_at = null, finished_at = null
     returning started_at, position`,
    [table, source],
  );
  if (row === undefined) throw new Error(`no sweep of ${table} was stored`);
  return { table, startedAt: row.started_at, position: row.position };
}

const BROKEN_OFF = `(s.started_at is not null and s.finished_at is null and s.asked_at is null
                      and s.data_source_id = excluded.data_source_id)`;

/** Notes a batch: the pages were there, and the sweep has come as far as `position`. */
export async function advanceSweep(
  sql: Sql,
  sweep: Sweep,
  batch: { readonly pages: readonly PageId[]; readonly position: Date },
): Promise<void> {
  await sql.query(
    'update pgnotion.sweeps set position = $2, pages = pages + $3 where table_name = $1 and finished_at is null',
    [sweep.table, batch.position, batch.pages.length],
  );
  await markMet(sql, batch.pages);
}

export async function markMet(sql: Sql, pages: readonly PageId[]): Promise<void> {
  for (const table of ['records', 'edits']) {
    await sql.query(
      `update pgnotion.${table} set swept_at = clock_timestamp() where page_id = any($1::uuid[])`,
      [pages],
    );
  }
}

/** Pages that were known when the sweep began and that it has not met; `of` counts them all. */
export async function unmet(
  sql: Sql,
  sweep: Sweep,
  limit: number,
): Promise<{ readonly page: PageId; readonly of: number }[]> {
  return sql.query(
    `select page_id as page, count(*) over ()::int as of from (
       select page_id from pgnotion.records
        where table_name = $1 and state = 'linked' and page_id is not null
          and coalesce(swept_at < $2, true) and coalesce(synced_at < $2, true)
       union
       select page_id from pgnotion.edits e
        where table_name = $1 and coalesce(swept_at < $2, true) and seen_at < $2
          and not exists (select from pgnotion.records r
                           where r.page_id = e.page_id and r.rested_at is null)) known
      limit $3`,
    [sweep.table, sweep.startedAt, limit],
  );
}

export async function endSweep(sql: Sql, sweep: Sweep): Promise<void> {
  // In the order of `resync`, which somebody may call this moment.
  await markSwept(sql, sweep.table);
  await sql.query(
    'update pgnotion.sweeps set finished_at = clock_timestamp(), position = null where table_name = $1',
    [sweep.table],
  );
}

/** Has a data source read whole again soon. */
export async function askSweep(sql: Sql, table: TableName): Promise<void> {
  await sql.query(
    `insert into pgnotion.sweeps (table_name, asked_at) values ($1, clock_timestamp())
     on conflict (table_name) do update set asked_at = excluded.asked_at`,
    [table],
  );
}

/** Tables whose pages are to be read whole again: asked for, broken off, or `everyMs` after the last time. */
export async function dueSweeps(sql: Sql, everyMs: number): Promise<TableName[]> {
  const rows = await sql.query<{ table_name: TableName }>(
    `select d.table_name from pgnotion.data_sources d left join pgnotion.sweeps s using (table_name)
      where d.paused_at is null and d.swept_at is not null
        -- A first contact reads the data source by itself, again and again.
        and not exists (select from pgnotion.first_contacts f where f.table_name = d.table_name and f.over_at is null)
        and (s.asked_at is not null or (s.started_at is not null and s.finished_at is null)
             or d.swept_at < clock_timestamp() - make_interval(secs => $1))
      order by d.swept_at`,
    [everyMs / 1_000],
  );
  return rows.map((row) => row.table_name);
}

/** How many pages the data source had when it was last read whole; 0 if it never was. */
export async function pagesAtLast(sql: Sql, table: TableName): Promise<number> {
  const [row] = await sql.query<{ pages: number }>(
    `select greatest(pages, coalesce(expected, 0))::int as pages from pgnotion.sweeps where table_name = $1`,
    [table],
  );
  return row?.pages ?? 0;
}
