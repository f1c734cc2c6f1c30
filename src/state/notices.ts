import { createHash, randomUUID } from 'node:crypto';
import type { Told } from '../model/errors.ts';
import { pageSentence } from '../model/failure-sentence.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/** What a page has to tell the person who edits it, and how far that has come. */
export type Notice = {
  readonly page: PageId;
  readonly table: TableName;
  /** What the status property is to say; empty if nothing is wrong. */
  readonly wanted: string;
  /** What it says; null while a write of it is in doubt. */
  readonly shown: string | null;
  /** Tells one refusal from another; null if nothing is wrong. */
  readonly refusal: string | null;
  readonly comment: string | null;
  /** The refusal that needs no comment any more. */
  readonly commented: string | null;
  /** Milliseconds since the comment may have left; null if it has not. */
  readonly sentAgoMs: number | null;
  readonly sentAt: Date | null;
  /** Ids of comments of ours that are known to exist. */
  readonly known: readonly string[];
  readonly attempts: number;
};

/**
 * Keeps what the page is to tell from now on; belongs in the transaction that sets the edit aside. The same refusal
 * again gets no second comment, whatever the row holds by now. `topic` stands for refusals that are one to a person.
 */
export async function wishNotice(
  sql: Sql,
  { page, table }: { readonly page: PageId; readonly table: TableName },
  told: readonly Told[],
  topic: string | null = null,
): Promise<void> {
  const refusal = topic ?? JSON.stringify(told.map(({ property, wrong }) => [property, wrong]));
  const digest = createHash('sha256').update(refusal).digest('hex').slice(0, 32);
  await sql.query(
    `insert into pgnotion.notices as n (page_id, table_name, wanted, refusal, comment, next_at)
     values ($1, $2, $3, $4, $3, clock_timestamp())
     on conflict (page_id) do update
       set wanted = excluded.wanted, refusal = excluded.refusal, table_name = excluded.table_name,
           comment = case when n.refusal = excluded.refusal then n.comment else excluded.comment end,
           intent_at = case when n.refusal = excluded.refusal then n.intent_at end,
           next_at = case when n.refusal = excluded.refusal and n.wanted = excluded.wanted then n.next_at
                          else clock_timestamp() end,
           attempts = 0, changed_at = clock_timestamp()`,
    [page, table, pageSentence(told), digest],
  );
}

/** Tells the person once, by a comment, of something that is over by now: the page has its value back. */
export async function tellOnce(
  sql: Sql,
  { page, table }: { readonly page: PageId; readonly table: TableName },
  told: readonly Told[],
): Promise<void> {
  await sql.query(
    `insert into pgnotion.notices as n (page_id, table_name, wanted, refusal, comment, next_at)
     values ($1, $2, '', $3, $4, clock_timestamp())
     on conflict (page_id) do update
       set refusal = excluded.refusal, comment = excluded.comment, commented = null, intent_at = null,
           next_at = clock_timestamp(), attempts = 0, changed_at = clock_timestamp()`,
    // Each is a telling of its own, even of the same.
    [page, table, `once ${randomUUID()}`, pageSentence(told)],
  );
}

/**
 * Nothing is wrong any more: what the page says is taken back, and no comment follows. `silently` leaves the page as it
 * is until it is back.
 */
export async function clearNotice(sql: Sql, page: PageId, silently = false): Promise<void> {
  await sql.query(
    `update pgnotion.notices
        set wanted = '', refusal = null, comment = null, commented = null, intent_at = null, attempts = 0,
            next_at = case when shown is distinct from '' and not $2 then clock_timestamp() end,
            changed_at = clock_timestamp()
      where page_id = $1 and (refusal is not null or (next_at is null and shown is distinct from ''))`,
    [page, silently],
  );
}

/** The page is gone for good. */
export async function forgetNotice(sql: Sql, page: PageId): Promise<void> {
  await sql.query('delete from pgnotion.notices where page_id = $1', [page]);
}

/** Notion does not show the page: it is told once it is seen again. */
export async function awaitPage(sql: Sql, page: PageId): Promise<void> {
  await sql.query('update pgnotion.notices set next_at = null, hidden = true where page_id = $1', [page]);
}

/** Tries again what could not be told: at a start, or because the page is back. */
export async function remindNotices(sql: Sql, page: PageId | null): Promise<void> {
  await sql.query(
    `update pgnotion.notices set next_at = clock_timestamp(), attempts = 0, hidden = false
      where ($1::uuid is null or page_id = $1) and next_at is null
        and (shown is distinct from wanted or commented is distinct from refusal)`,
    [page],
  );
}

export async function dueNotices(sql: Sql): Promise<Notice[]> {
  return sql.query<Notice>(
    `select page_id as page, table_name as "table", wanted, shown, refusal, comment, commented, known, attempts,
            intent_at as "sentAt",
            (extract(epoch from clock_timestamp() - intent_at) * 1000)::float8 as "sentAgoMs"
       from pgnotion.notices n
      where next_at <= clock_timestamp() and not exists (
        select from pgnotion.data_sources d where d.table_name = n.table_name and d.paused_at is not null)
      order by next_at limit 20`,
  );
}

/** A write of the status property leaves now. */
export async function intendShown(sql: Sql, page: PageId): Promise<void> {
  await sql.query('update pgnotion.notices set shown = null where page_id = $1', [page]);
}

export async function noteShown(sql: Sql, page: PageId, text: string): Promise<void> {
  await sql.query('update pgnotion.notices set shown = $2 where page_id = $1', [page, text]);
}

/** The comment on this refusal leaves now; false if the refusal is no longer the present one. */
export async function intendComment(sql: Sql, { page, refusal }: Notice): Promise<boolean> {
  const rows = await sql.query(
    `update pgnotion.notices set intent_at = clock_timestamp() where page_id = $1 and refusal = $2 returning page_id`,
    [page, refusal],
  );
  return rows.length > 0;
}

/** It is known not to exist. */
export async function dropCommentIntent(sql: Sql, page: PageId): Promise<void> {
  await sql.query('update pgnotion.notices set intent_at = null where page_id = $1', [page]);
}

/** The refusal has its comment (`id`), or will never have one (null). A later refusal is not touched. */
export async function noteCommented(sql: Sql, notice: Notice, id: string | null): Promise<void> {
  await sql.query(
    `update pgnotion.notices
        set known = case when $3::text is null then known else (known || $3)[greatest(cardinality(known) - 48, 1):] end,
            commented = case when refusal = $2 then $2 else commented end,
            intent_at = case when refusal = $2 then null else intent_at end
      where page_id = $1`,
    [notice.page, notice.refusal, id],
  );
}

/** Ends a round: what came meanwhile is due at once, and nothing else is. */
export async function settleNotice(sql: Sql, { page, wanted, refusal }: Notice): Promise<void> {
  await sql.query(
    `update pgnotion.notices
        set attempts = 0, next_at = case when wanted = $2 and refusal is not distinct from $3 then null
                                         else clock_timestamp() end
      where page_id = $1`,
    [page, wanted, refusal],
  );
}

/** Tries again after `afterMs`; null waits for the page to change, or for a start. */
export async function postponeNotice(sql: Sql, page: PageId, afterMs: number | null): Promise<void> {
  await sql.query(
    `update pgnotion.notices
        set attempts = attempts + 1, next_at = clock_timestamp() + make_interval(secs => $2::float8)
      where page_id = $1`,
    [page, afterMs === null ? null : afterMs / 1000],
  );
}

/** Forgets pages that have had nothing wrong for so long. */
export async function pruneNotices(sql: Sql, days: number): Promise<void> {
  await sql.query(
    `delete from pgnotion.notices where refusal is null and next_at is null
        and changed_at < clock_timestamp() - make_interval(secs => $1)`,
    [days * 86_400],
  );
}
