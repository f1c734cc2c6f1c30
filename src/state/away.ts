import { PAGE_HIDDEN, PAGE_MOVED } from '../model/away.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { Unshown } from '../model/relation-targets.ts';
import { remindNotices } from './notices.ts';
import type { Sql } from './sql.ts';

/** Those of these pages that something waits for because Notion did not show them. */
export async function hiddenAmong(sql: Sql, pages: readonly PageId[]): Promise<PageId[]> {
  const rows = await sql.query<{ page: PageId }>(
    `select r.page_id as page from pgnotion.records r join pgnotion.outbox o using (table_name, key)
      where r.page_id = any($1::uuid[]) and o.code = $2 and o.next_at > clock_timestamp()
     union
     select page_id from pgnotion.notices
      where page_id = any($1::uuid[]) and hidden and next_at is null
        and (shown is distinct from wanted or commented is distinct from refusal)`,
    [pages, PAGE_HIDDEN],
  );
  return rows.map(({ page }) => page);
}

/** Notion shows these pages again: what waited for them is tried now. */
export async function releaseHidden(sql: Sql, pages: readonly PageId[]): Promise<void> {
  await sql.query(
    `select pgnotion.wake(o.table_name, o.key)
       from pgnotion.outbox o join pgnotion.records r using (table_name, key)
      where r.page_id = any($1::uuid[]) and o.code = $2`,
    [pages, PAGE_HIDDEN],
  );
  for (const page of pages) await remindNotices(sql, page);
}

/** A page is where it belongs: what was set aside because it was seen elsewhere goes on. True if anything was. */
export async function releaseMoved(sql: Sql, page: PageId): Promise<boolean> {
  const freed = await sql.query(
    `select pgnotion.wake(o.table_name, o.key)
       from pgnotion.outbox o join pgnotion.records r using (table_name, key)
      where r.page_id = $1 and r.state = 'linked' and o.code = $2`,
    [page, PAGE_MOVED],
  );
  return freed.length > 0;
}

/**
 * A page is among the live ones again: the pages whose relations could not show it are looked at, so that taking it out
 * of them counts as an edit from here on.
 */
export async function lookAtUnshown(sql: Sql, target: PageId): Promise<void> {
  await sql.query(
    `select pgnotion.wake_edits(array_agg(page_id), array_agg(table_name), array_agg(key)) from pgnotion.records
      where unshown <> '{}' and state = 'linked' and page_id is not null
        and exists (select from jsonb_each(unshown) as u(field, pages) where u.pages ? $1)
     having count(*) > 0`,
    [target],
  );
}

/** Whether the relations of some page could not show this one. */
export async function isUnshown(sql: Sql, target: PageId): Promise<boolean> {
  const [found] = await sql.query<{ found: boolean }>(
    `select exists (select from pgnotion.records
       where unshown <> '{}' and exists (select from jsonb_each(unshown) as u(field, pages) where u.pages ? $1)) as found`,
    [target],
  );
  return found?.found === true;
}

/** Keeps what a page's relations do not show; fields that are not named stay as they are. */
export async function saveUnshown(
  sql: Sql,
  { table, key }: { readonly table: TableName; readonly key: RowKey },
  unshown: Unshown,
): Promise<void> {
  if (Object.keys(unshown).length === 0) return;
  const empty = Object.keys(unshown).filter((field) => unshown[field]?.length === 0);
  await sql.query(
    'update pgnotion.records set unshown = (unshown || $3) - $4::text[] where table_name = $1 and key = $2',
    [table, key, JSON.stringify(unshown), empty],
  );
}

/** Pages of a table whose base shows `page` in a relation; at most 10,000. */
export async function pagesShowing(
  sql: Sql,
  table: TableName,
  property: string,
  page: PageId,
): Promise<PageId[]> {
  const rows = await sql.query<{ page: PageId }>(
    `select page_id as page from pgnotion.records
      where table_name = $1 and state = 'linked' and page_id is not null and base_page -> $2 @> to_jsonb($3::text)
      limit 10000`,
    [table, property, page],
  );
  return rows.map((row) => row.page);
}
