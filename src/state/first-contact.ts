import type { Contact, Origin, Reading } from '../model/first-contact.ts';
import type { DataSourceId, PageId, RowKey, TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/** How a data source is met: just created, looked at by `apply`, changed by `apply`, or seen by a start. */
export type Meeting = 'made' | 'applied' | 'changed' | 'seen';

/**
 * Keeps that a data source was met. One that the table did not have before begins a first contact, a change of the
 * schema begins another, and an `apply` that finds what an earlier one made can no longer tell that nobody was there.
 */
export async function meetSource(
  sql: Sql,
  table: TableName,
  dataSource: DataSourceId,
  meeting: Meeting,
): Promise<void> {
  const [known] = await sql.query<{ data_source_id: DataSourceId; over: boolean }>(
    // What was reset is met anew.
    `select f.data_source_id, f.over_at is not null as over
       from pgnotion.first_contacts f join pgnotion.data_sources d using (table_name, data_source_id)
      where table_name = $1`,
    [table],
  );
  if (known?.data_source_id !== dataSource) return begin(sql, table, dataSource, meeting);
  if (meeting === 'changed') return renewContact(sql, dataSource);
  if (meeting === 'applied' && !known.over)
    await sql.query(`update pgnotion.first_contacts set origin = 'found' where table_name = $1`, [table]);
}

/** What was known of a table's pages is given up: they may be anybody's again, and are met as for the first time. */
export async function meetAgain(sql: Sql, table: TableName): Promise<void> {
  const [known] = await sql.query<{ data_source_id: DataSourceId }>(
    'select data_source_id from pgnotion.first_contacts where table_name = $1',
    [table],
  );
  if (known !== undefined) await begin(sql, table, known.data_source_id, 'seen');
}

async function begin(sql: Sql, table: TableName, dataSource: DataSourceId, meeting: Meeting): Promise<void> {
  await sql.query('delete from pgnotion.contact_pages where table_name = $1', [table]);
  await sql.query(
    `insert into pgnotion.first_contacts (table_name, data_source_id, origin, made) values ($1, $2, $3, $3 = 'made')
     on conflict (table_name) do update
       set data_source_id = excluded.data_source_id, origin = excluded.origin, made = excluded.made, since = clock_timestamp(),
           known_before = false, reading = 0, began_at = null, ended_at = null, over_at = null,
           rows_held = null, rows_count = null, rows_reason = null, rows_cause = null`,
    [table, dataSource, meeting === 'made' ? 'made' : 'found'],
  );
}

/** A change of the schema may hide pages from the next queries: nothing that was read before it counts. */
export async function renewContact(sql: Sql, dataSource: DataSourceId): Promise<void> {
  await sql.query(
    `with renewed as (
       update pgnotion.first_contacts
          set origin = 'found', known_before = known_before or over_at is not null, since = clock_timestamp(), reading = 0, began_at = null, ended_at = null, over_at = null
        where data_source_id = $1 returning table_name)
     delete from pgnotion.contact_pages using renewed where contact_pages.table_name = renewed.table_name`,
    [dataSource],
  );
}

/** The first contact of a table; null if it is over. */
export async function contactOf(sql: Sql, table: TableName): Promise<Contact | null> {
  const [row] = await sql.query<Contact>(
    `select origin, known_before as "knownBefore", reading as readings, ${ms('since')} as "ageMs", ${ms('began_at')} as "beganMs",
            ${ms('ended_at')} as "endedMs"
       from pgnotion.first_contacts where table_name = $1 and over_at is null`,
    [table],
  );
  return row ?? null;
}

const ms = (column: string): string => `(extract(epoch from clock_timestamp() - ${column}) * 1000)::float8`;

/** Whether pages that nobody linked may have been in the data source before pgnotion came to it. */
export async function originOf(sql: Sql, table: TableName): Promise<Origin> {
  const [row] = await sql.query<{ origin: Origin }>(
    'select origin from pgnotion.first_contacts where table_name = $1',
    [table],
  );
  return row?.origin ?? 'found';
}

/** Whether `apply` made the table's database, however long ago. */
export async function wasMade(sql: Sql, table: TableName): Promise<boolean> {
  const [row] = await sql.query<{ made: boolean }>(
    'select made from pgnotion.first_contacts where table_name = $1',
    [table],
  );
  return row?.made === true;
}

/**
 * Begins a whole reading, or goes on with the one that a stop broke off. Returns its number. Time counts from the first
 * one, or anew after a pause of `staleMs`: people may have typed until then, and may have been in a database that was made
 * longer ago than `madeMs`.
 */
export async function beginReading(
  sql: Sql,
  table: TableName,
  { madeMs, staleMs }: { readonly madeMs: number; readonly staleMs: number },
): Promise<number> {
  const [row] = await sql.query<{ reading: number }>(
    `update pgnotion.first_contacts
        set reading = reading + (began_at is null or ended_at is not null)::int,
            began_at = case when began_at is null or ended_at is not null then clock_timestamp() else began_at end,
            ended_at = null,
            origin = case when reading = 0 and since < clock_timestamp() - make_interval(secs => $2) then 'found' else origin end,
            since = case when reading = 0 or ended_at < clock_timestamp() - make_interval(secs => $3)
                         then clock_timestamp() else since end
      where table_name = $1 returning reading`,
    [table, madeMs / 1_000, staleMs / 1_000],
  );
  return row?.reading ?? 0;
}

/** A page as a reading showed it. The id of one that is linked is ours to write, and tells nothing. */
type ReadPage = {
  readonly page: PageId;
  readonly typed: string | null;
  readonly linked: boolean;
  /** What it shows for the columns of `match`. */
  readonly match: readonly string[] | null;
};

export async function noteReading(
  sql: Sql,
  table: TableName,
  reading: number,
  pages: readonly ReadPage[],
): Promise<void> {
  if (pages.length === 0) return;
  await sql.query(
    `insert into pgnotion.contact_pages as p (table_name, page_id, typed, changed_in, seen_in, match_values)
     select $1, page, typed, $2, $2, case when shown is not null then array(select jsonb_array_elements_text(shown::jsonb)) end
       from unnest($3::uuid[], $4::text[], $6::text[]) as u(page, typed, shown)
     on conflict (table_name, page_id) do update
       set typed = excluded.typed, seen_in = excluded.seen_in, match_values = excluded.match_values,
           changed_in = case when (p.typed, p.match_values) is distinct from (excluded.typed, excluded.match_values)
                              and p.page_id <> all($5::uuid[])
                             then excluded.seen_in else p.changed_in end`,
    [
      table,
      reading,
      pages.map(({ page }) => page),
      pages.map(({ typed }) => typed),
      pages.filter(({ linked }) => linked).map(({ page }) => page),
      pages.map(({ match }) => (match === null ? null : JSON.stringify(match))),
    ],
  );
}

/** Ends a reading. What it did not show any more is a difference once. */
export async function endReading(sql: Sql, table: TableName, reading: number): Promise<Reading> {
  const [seen] = await sql.query<Reading>(
    `select count(*) filter (where seen_in = $2)::int as pages,
            count(*) filter (where changed_in = $2 or seen_in < $2)::int as differences
       from pgnotion.contact_pages where table_name = $1`,
    [table, reading],
  );
  await sql.query('delete from pgnotion.contact_pages where table_name = $1 and seen_in < $2', [
    table,
    reading,
  ]);
  await sql.query(
    'update pgnotion.first_contacts set ended_at = clock_timestamp() where table_name = $1 and reading = $2',
    [table, reading],
  );
  return seen ?? { pages: 0, differences: 0 };
}

/** The data source is known: rows get pages from here on, and pages that waited for this become rows. */
export async function endContact(sql: Sql, table: TableName): Promise<void> {
  await sql.query('update pgnotion.first_contacts set over_at = clock_timestamp() where table_name = $1', [
    table,
  ]);
  await sql.query('delete from pgnotion.contact_pages where table_name = $1', [table]);
  await sql.query(
    `update pgnotion.edits set next_at = clock_timestamp()
      where table_name = $1 and key is null and parked_at is null`,
    [table],
  );
}

/** A page of ours that may be another row's: a person has to say so. */
export const ADOPTION_REVIEW = 'adoption_review';
/** That page, once a person said that it is not the row's. */
export const LOST_RECORD_PAGE = 'lost_record_page';

/** Keeps which record's key a page shows that belongs to no record. */
export async function noteCarries(sql: Sql, page: PageId, key: RowKey | null): Promise<void> {
  await sql.query('update pgnotion.edits set carries = $2 where page_id = $1', [page, key]);
}

/** A page that belongs to no record and shows a record's key, and what it waits for. */
type Carrier = { readonly page: PageId; readonly code: string | null; readonly parked: boolean };

export const carriersOf = (sql: Sql, table: TableName, key: RowKey): Promise<Carrier[]> =>
  sql.query<Carrier>(
    `select page_id as page, code, parked_at is not null as parked from pgnotion.edits e
      where table_name = $1 and carries = $2
        and not exists (select from pgnotion.records r where r.page_id = e.page_id)`,
    [table, key],
  );

/**
 * Has the way back look at a page that shows a record's key, before the record gets another one. If it has asked a
 * person meanwhile, that stays.
 */
export async function lookAtCarrier(sql: Sql, table: TableName, key: RowKey, page: PageId): Promise<void> {
  await sql.query(
    `insert into pgnotion.edits as e (page_id, table_name, next_at, carries)
     values ($1, $2, clock_timestamp(), $3)
     on conflict (page_id) do update set next_at = clock_timestamp(), parked_at = null, carries = excluded.carries
       where e.parked_at is null or e.code is distinct from $4`,
    [page, table, key, ADOPTION_REVIEW],
  );
}
