import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { MatchFailure } from '../model/match-failures.ts';
import { notFailing } from './page-failures.ts';
import type { Sql } from './sql.ts';

/** A page without a key, and what it shows for the columns of `match`. */
export type MatchPage = { readonly page: PageId; readonly values: readonly string[] };

/** What becomes of pages without a key, and of the rows that they match. */
export type MatchDecision = {
  readonly pairs: readonly (MatchPage & { readonly key: RowKey })[];
  readonly heldPages: readonly (MatchPage & { readonly group: PageId; readonly failure: MatchFailure })[];
  readonly heldRows: readonly {
    readonly key: RowKey;
    readonly group: PageId;
    readonly failure: MatchFailure;
  }[];
  /** Pages that match nothing any more: they become rows. */
  readonly freed: readonly PageId[];
};

/** The pages of a first contact that may match rows, but for those that a person has decided about. */
export const contactMatches = (sql: Sql, table: TableName): Promise<MatchPage[]> =>
  sql.query<MatchPage>(
    `select page_id as page, match_values as values from pgnotion.contact_pages p
      where table_name = $1 and typed is null and match_values is not null
        and not exists (select from pgnotion.records r where r.page_id = p.page_id)
        and not exists (select from pgnotion.match_pages m where m.page_id = p.page_id and m.verdict in ('pair', 'separate'))
        -- A look of its own may have shown a key that no reading has shown yet.
        and not exists (select from pgnotion.edits e where e.page_id = p.page_id
                           and (e.carries is not null or e.code = 'unknown_record_id'))
      order by page_id`,
    [table],
  );

/** Keeps what a page shows that a first contact has looked at by itself. */
export async function noteContactPage(
  sql: Sql,
  table: TableName,
  page: { readonly page: PageId; readonly typed: string | null; readonly match: readonly string[] | null },
): Promise<void> {
  await sql.query(
    `insert into pgnotion.contact_pages (table_name, page_id, typed, changed_in, seen_in, match_values)
     select table_name, $2, $3, reading, reading, $4::text[] from pgnotion.first_contacts where table_name = $1 and over_at is null
     on conflict (table_name, page_id) do update set typed = excluded.typed, match_values = excluded.match_values`,
    [table, page.page, page.typed, page.match],
  );
}

/** Pages whose match is to be decided, or decided anew. Those that left, or became a record's, are forgotten. */
export async function openMatches(sql: Sql, table: TableName): Promise<MatchPage[]> {
  await sql.query(
    `delete from pgnotion.match_pages m
      where table_name = $1 and (${GONE}
         or verdict <> 'separate' and exists (select from pgnotion.records r where r.page_id = m.page_id))`,
    [table],
  );
  return sql.query<MatchPage>(
    `select page_id as page, match_values as values from pgnotion.match_pages
      where table_name = $1 and verdict in ('held', 'undecided') order by page_id`,
    [table],
  );
}

const GONE = `m.verdict in ('held', 'undecided') and not exists (select from pgnotion.edits e where e.page_id = m.page_id)`;

/** Whether anything is to be decided anew: a page changed or left, or the pages that a row waits for did. */
export async function isMatchOpen(sql: Sql, table: TableName): Promise<boolean> {
  const [row] = await sql.query<{ open: boolean }>(
    `select exists (select from pgnotion.match_pages m where table_name = $1 and (verdict = 'undecided' or ${GONE}))
         or exists (select from pgnotion.match_rows r where table_name = $1 and verdict = 'held' and not exists (
              select from pgnotion.match_pages m where m.group_id = r.group_id and m.verdict = 'held')) as open`,
    [table],
  );
  return row?.open === true;
}

/** Rows that a page cannot be joined with as they are. */
export type Unfree = {
  /** They have a page, may have one, or were given one. */
  readonly taken: ReadonlySet<RowKey>;
  /** A person decided that they, or the pages that they were made of, belong to nothing that equals them. */
  readonly apart: ReadonlySet<RowKey>;
};

export async function unfreeRows(sql: Sql, table: TableName, keys: readonly RowKey[]): Promise<Unfree> {
  const rows = await sql.query<{ key: RowKey; apart: boolean }>(
    `select k as key,
            exists (select from pgnotion.match_rows m where m.table_name = $1 and m.key = k and m.verdict = 'separate')
            or exists (select from pgnotion.records r join pgnotion.match_pages m using (page_id)
                        where r.table_name = $1 and r.key = k and m.verdict = 'separate') as apart
       from unnest($2::text[]) as k
      where exists (select from pgnotion.records r where r.table_name = $1 and r.key = k)
         or exists (select from pgnotion.match_rows m where m.table_name = $1 and m.key = k and m.verdict <> 'held')
         or exists (select from pgnotion.edits e where e.table_name = $1 and e.carries = k)`,
    [table, keys],
  );
  return {
    taken: new Set(rows.map(({ key }) => key)),
    apart: new Set(rows.flatMap(({ key, apart }) => (apart ? [key] : []))),
  };
}

/** What was decided about a page without a key. */
export type KnownMatch = {
  readonly verdict: 'pair' | 'held' | 'undecided' | 'separate';
  readonly values: readonly string[];
};

export async function matchOf(sql: Sql, page: PageId): Promise<KnownMatch | undefined> {
  const [row] = await sql.query<KnownMatch>(
    'select verdict, match_values as values from pgnotion.match_pages where page_id = $1',
    [page],
  );
  return row;
}

/** Has the match of a page decided anew, with what it shows now; without it, it matches nothing any more. */
export async function reopenMatch(sql: Sql, page: PageId, values: readonly string[] | null): Promise<void> {
  const [was] = await sql.query<{ group: PageId }>(
    values === null
      ? 'delete from pgnotion.match_pages where page_id = $1 returning group_id as "group"'
      : `update pgnotion.match_pages set verdict = 'undecided', key = null, decided_by = null, match_values = $2
          where page_id = $1 returning group_id as "group"`,
    values === null ? [page] : [page, values],
  );
  if (was === undefined) return;
  // A page that is to be decided about stands among those that wait.
  if (values !== null)
    await sql.query(
      `insert into pgnotion.edits (page_id, table_name) select page_id, table_name from pgnotion.match_pages where page_id = $1
       on conflict (page_id) do nothing`,
      [page],
    );
  await sql.query(
    `update pgnotion.match_pages set verdict = 'undecided' where group_id = $1 and verdict = 'held'`,
    [was.group],
  );
  await sql.query(
    `update pgnotion.match_rows set verdict = 'held' where group_id = $1 and verdict = 'pair'`,
    [was.group],
  );
}

/** Has a row's match decided anew: it changed, or is gone. */
export async function reopenRow(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await sql.query(
    `update pgnotion.match_pages set verdict = 'undecided'
      where verdict = 'held' and group_id = (select group_id from pgnotion.match_rows where table_name = $1 and key = $2)`,
    [table, key],
  );
}

/** The pages that a row waits for, because it is not known which of them is its page; empty if it waits for none. */
export const pagesHolding = async (sql: Sql, table: TableName, key: RowKey): Promise<readonly PageId[]> =>
  (
    await sql.query<{ page: PageId }>(
      `select p.page_id as page from pgnotion.match_rows r join pgnotion.match_pages p using (group_id)
        where r.table_name = $1 and r.key = $2 and r.verdict = 'held' and p.verdict in ('held', 'undecided')
        order by p.page_id`,
      [table, key],
    )
  ).map(({ page }) => page);

/** Pages to be joined with their rows. `chosen`: by a person. */
export type Pair = MatchPage & { readonly key: RowKey; readonly chosen: boolean };

export const nextPairs = (
  sql: Sql,
  table: TableName,
  { limit, except }: { readonly limit: number; readonly except: readonly PageId[] },
): Promise<Pair[]> =>
  sql.query<Pair>(
    `select page_id as page, match_values as values, key, decided_by is not null as chosen
       from pgnotion.match_pages
      where table_name = $1 and verdict = 'pair' and page_id <> all($2::uuid[]) and ${notFailing('page_id')} order by page_id limit $3`,
    [table, except, limit],
  );

/** Tables that have pages to be joined with rows, but for those that are paused. */
export const tablesWithPairs = async (sql: Sql): Promise<readonly TableName[]> =>
  (
    await sql.query<{ table: TableName }>(
      `select distinct m.table_name as "table" from pgnotion.match_pages m
         join pgnotion.data_sources d using (table_name)
        where m.verdict = 'pair' and d.paused_at is null and ${notFailing('m.page_id')}`,
    )
  ).map(({ table }) => table);

/** The pair is joined. */
export async function endPair(
  sql: Sql,
  table: TableName,
  { page, key }: Pick<Pair, 'page' | 'key'>,
): Promise<void> {
  await sql.query('delete from pgnotion.match_pages where page_id = $1', [page]);
  await sql.query('delete from pgnotion.match_rows where table_name = $1 and key = $2', [table, key]);
}
