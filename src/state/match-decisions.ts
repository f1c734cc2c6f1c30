import type { PageId, RowKey, TableName } from '../model/ids.ts';
import { AMBIGUOUS_MATCH, DUPLICATE_MATCH, type MatchFailure } from '../model/match-failures.ts';
import { endPair, type MatchDecision, type MatchPage, type Pair } from './matches.ts';
import { AWAKE } from './outbox.ts';
import type { Sql } from './sql.ts';

/** Keeps what was decided, and lets go what is not held any more. */
export async function saveMatches(sql: Sql, table: TableName, decision: MatchDecision): Promise<void> {
  const { pairs, heldPages, heldRows, freed } = decision;
  await savePages(sql, table, [
    ...pairs.map(({ page, values, key }) => ({ page, values, key, group: page })),
    ...heldPages.map(({ page, values, group }) => ({ page, values, key: null, group })),
  ]);
  await sql.query('delete from pgnotion.edits where page_id = any($1::uuid[])', [
    pairs.map(({ page }) => page),
  ]);
  await parkPages(sql, table, heldPages);
  await freeRows(
    sql,
    table,
    [...pairs, ...heldRows].map(({ key }) => key),
  );
  await sql.query(
    `insert into pgnotion.match_rows as r (table_name, key, group_id, verdict)
     select $1, k, g, v from unnest($2::text[], $3::uuid[], $4::text[]) as u(k, g, v)
     on conflict (table_name, key) do update set group_id = excluded.group_id, verdict = excluded.verdict`,
    [
      table,
      [...pairs.map(({ key }) => key), ...heldRows.map(({ key }) => key)],
      [...pairs.map(({ page }) => page), ...heldRows.map(({ group }) => group)],
      [...pairs.map(() => 'pair'), ...heldRows.map(() => 'held')],
    ],
  );
  await parkRows(sql, table, heldRows);
  await freePages(sql, table, freed);
}

async function savePages(
  sql: Sql,
  table: TableName,
  pages: readonly (MatchPage & { readonly key: RowKey | null; readonly group: PageId })[],
): Promise<void> {
  await sql.query(
    `insert into pgnotion.match_pages (page_id, table_name, match_values, verdict, key, group_id)
     select p, $1, array(select jsonb_array_elements_text(v::jsonb)), case when k is null then 'held' else 'pair' end, k, g
       from unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[]) as u(p, v, k, g)
     on conflict (page_id) do update
       set table_name = excluded.table_name, match_values = excluded.match_values, verdict = excluded.verdict,
           key = excluded.key, group_id = excluded.group_id, decided_by = null`,
    [
      table,
      pages.map(({ page }) => page),
      pages.map(({ values }) => JSON.stringify(values)),
      pages.map(({ key }) => key),
      pages.map(({ group }) => group),
    ],
  );
}

async function parkPages(
  sql: Sql,
  table: TableName,
  pages: readonly { readonly page: PageId; readonly failure: MatchFailure }[],
): Promise<void> {
  await sql.query(
    `insert into pgnotion.edits as e (page_id, table_name, parked_at, code, reason, remedy, attempts, failed_at, tried_at)
     select p, $1, clock_timestamp(), c, r, m, 1, clock_timestamp(), clock_timestamp() from unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) as u(p, c, r, m)
     on conflict (page_id) do update
       set key = null, digest = null, command = null, next_at = null, carries = null, cause = null, fields = '{}',
           parked_at = coalesce(e.parked_at, excluded.parked_at), code = excluded.code, reason = excluded.reason,
           remedy = excluded.remedy, failed_at = coalesce(e.failed_at, excluded.failed_at), tried_at = excluded.tried_at`,
    [
      table,
      pages.map(({ page }) => page),
      pages.map(({ failure }) => failure.code),
      pages.map(({ failure }) => failure.reason),
      pages.map(({ failure }) => failure.remedy),
    ],
  );
}

/** Rows that were held and are no longer among those that are: each gets a page of its own. */
async function freeRows(sql: Sql, table: TableName, kept: readonly RowKey[]): Promise<void> {
  const rows = await sql.query<{ key: RowKey }>(
    `delete from pgnotion.match_rows m
      where table_name = $1 and verdict = 'held' and key <> all($2::text[])
      returning key`,
    [table, kept],
  );
  await wakeRows(
    sql,
    table,
    rows.map(({ key }) => key),
  );
}

async function parkRows(
  sql: Sql,
  table: TableName,
  rows: readonly { readonly key: RowKey; readonly failure: MatchFailure }[],
): Promise<void> {
  await sql.query(
    `update pgnotion.outbox o
        set parked_at = coalesce(o.parked_at, clock_timestamp()), code = c, reason = r, remedy = m, attempts = 1,
            failed_at = coalesce(o.failed_at, clock_timestamp()), tried_at = clock_timestamp()
       from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as u(k, c, r, m)
      where o.table_name = $1 and o.key = k and o.kind = 'write'`,
    [
      table,
      rows.map(({ key }) => key),
      rows.map(({ failure }) => failure.code),
      rows.map(({ failure }) => failure.reason),
      rows.map(({ failure }) => failure.remedy),
    ],
  );
}

async function freePages(sql: Sql, table: TableName, pages: readonly PageId[]): Promise<void> {
  if (pages.length === 0) return;
  await sql.query(`delete from pgnotion.match_pages where page_id = any($1::uuid[])`, [pages]);
  await sql.query(
    `update pgnotion.edits
        set command = 'look', digest = null, parked_at = null, next_at = clock_timestamp(), code = null, reason = null,
            remedy = null, attempts = 0
      where table_name = $1 and page_id = any($2::uuid[]) and code in ('${AMBIGUOUS_MATCH}', '${DUPLICATE_MATCH}')`,
    [table, pages],
  );
}

/** A row that is to get a page waits in the outbox already, or will once it is compared. */
async function wakeRows(sql: Sql, table: TableName, keys: readonly RowKey[]): Promise<void> {
  if (keys.length === 0) return;
  await sql.query(
    `update pgnotion.outbox set ${AWAKE}, version = version + 1 where table_name = $1 and key = any($2::text[])`,
    [table, keys],
  );
}

/** The page of a pair is gone, or another row's: its row gets, or finds, another one. */
export async function dissolvePair(
  sql: Sql,
  table: TableName,
  pair: Pick<Pair, 'page' | 'key'>,
): Promise<void> {
  await endPair(sql, table, pair);
  await wakeRows(sql, table, [pair.key]);
}
