import type { ConflictSummary } from '../model/conflict-page.ts';
import type { PageId } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/** A conflict whose page does not show what it should, or is not there yet. */
export type DuePage = ConflictSummary & {
  readonly conflictPage: PageId | null;
  /** How long ago the request for it left; null if none has that can have made it. */
  readonly sentAgoMs: number | null;
  /** A choice stands on the page that decides nothing any more. */
  readonly taken: boolean;
  /** To be kept once the page shows it. */
  readonly digest: string;
};

const DIGEST = `md5(concat_ws('|', c.status, c.resolution, c.resolved_by, c.note, c.local_record, c.remote_record))`;

/**
 * Conflicts that wait for a person and have no page, pages that show what was before, and conflicts that are over whose page
 * may have been made by a request that nobody has answered.
 */
export async function duePages(sql: Sql, limit: number): Promise<DuePage[]> {
  return sql.query<DuePage>(
    `select c.id::text, c.table_name as "table", c.record_id as record, c.page_id as page, c.fields[1] as field, c.type,
            ${atStake("c.base -> 'row'")} as base, ${atStake('c.local_record')} as postgres,
            ${atStake('c.remote_record')} as notion, c.note, c.detected_at as "detectedAt", c.status, c.resolution,
            c.resolved_by as "resolvedBy", c.resolved_at as "resolvedAt", p.page_id as "conflictPage",
            (extract(epoch from clock_timestamp() - p.sent_at) * 1000)::float8 as "sentAgoMs", coalesce(p.taken, false) as taken, ${DIGEST} as digest
       from pgnotion.conflict_entries c left join pgnotion.conflict_pages p on p.conflict_id = c.id
      where c.strategy = 'manual'
        and (c.status = 'open' or p.page_id is not null or p.sent_at is not null) and p.shown is distinct from ${DIGEST}
        and coalesce(p.looked_at < clock_timestamp() - interval '5 minutes', true)
      order by c.id limit $1`,
    [limit],
  );
}

/** The one field's value, or the whole image of a conflict of the whole record. */
const atStake = (image: string): string =>
  `case when c.fields = '{}' then ${image} else ${image} -> c.fields[1] end`;

export async function markPageSent(sql: Sql, conflict: string): Promise<void> {
  await sql.query(
    `insert into pgnotion.conflict_pages (conflict_id, sent_at) values ($1, clock_timestamp())
     on conflict (conflict_id) do update set sent_at = excluded.sent_at`,
    [conflict],
  );
}

/** It cannot have come to exist. */
export async function markPageUnsent(sql: Sql, conflict: string): Promise<void> {
  await sql.query('update pgnotion.conflict_pages set sent_at = null where conflict_id = $1', [conflict]);
}

export async function markPageShown(sql: Sql, conflict: string, page: PageId, digest: string): Promise<void> {
  await sql.query(
    'update pgnotion.conflict_pages set page_id = $2, shown = $3, taken = false, hidden_since = null, looked_at = null where conflict_id = $1',
    [conflict, page, digest],
  );
}

/** The choice on the page has been looked at, once: the page is to be written again. */
export async function markChoiceTaken(sql: Sql, conflict: string): Promise<void> {
  await sql.query(`update pgnotion.conflict_pages set shown = '', taken = true where conflict_id = $1`, [
    conflict,
  ]);
}

/** Open conflicts that a person can decide in Notion, by page. */
export async function openPages(sql: Sql): Promise<ReadonlyMap<PageId, string>> {
  const rows = await sql.query<{ page: PageId; id: string }>(
    `select p.page_id as page, c.id::text from pgnotion.conflict_pages p join pgnotion.conflict_entries c on c.id = p.conflict_id
      where c.status = 'open' and p.page_id is not null and not p.taken`,
  );
  return new Map(rows.map(({ page, id }) => [page, id]));
}

/** Notion does not show the conflict's page now. Gives for how many days that has been so. */
export async function markPageHidden(sql: Sql, conflict: string): Promise<number> {
  const [row] = await sql.query<{ days: number }>(
    `update pgnotion.conflict_pages
        set hidden_since = coalesce(hidden_since, clock_timestamp()), looked_at = clock_timestamp()
      where conflict_id = $1 returning (extract(epoch from clock_timestamp() - hidden_since) / 86400)::float8 as days`,
    [conflict],
  );
  return row?.days ?? 0;
}

/** Pages of conflicts that have been over for so many days, or are kept no longer. */
export async function oldPages(
  sql: Sql,
  days: number,
  limit: number,
): Promise<{ readonly conflict: string; readonly page: PageId }[]> {
  return sql.query(
    `select p.conflict_id::text as conflict, p.page_id as page
       from pgnotion.conflict_pages p left join pgnotion.conflict_entries c on c.id = p.conflict_id
      where p.page_id is not null and coalesce(p.looked_at < clock_timestamp() - interval '1 day', true)
        and (c.id is null or c.resolved_at < clock_timestamp() - make_interval(days => $1)) limit $2`,
    [days, limit],
  );
}

export async function forgetPage(sql: Sql, conflict: string): Promise<void> {
  await sql.query('delete from pgnotion.conflict_pages where conflict_id = $1', [conflict]);
}
