import type { Sql, Store } from './sql.ts';

const BATCH = 1_000;
/** A page may come back from Notion's trash, and a lost create's page may show, long after. */
const REMEMBERED_DAYS = 400;

/**
 * Forgets operations that ended more than `days` days ago, and runs that none is left of: a batch of each. What is in
 * doubt stays until it is settled, what belongs to a run until that has ended, and the last success of a table for the
 * view `status`. Of a deletion that took a page and of a create that went wrong, which tell what a page is that shows up
 * later (`wasDeletedHere`, `lostCreate`), the values go and the fact stays. Returns whether there is more.
 */
export async function pruneHistory(store: Store, days: number): Promise<boolean> {
  return store.transaction(async (sql) => {
    const pruned = await pruneOperations(sql, days);
    const emptied = await emptyRemembered(sql, days);
    await pruneRuns(sql, days);
    return pruned === BATCH || emptied === BATCH;
  });
}

const OLD = `o.started_at < clock_timestamp() - make_interval(days => $1) and o.status in ('done', 'failed')
  and not exists (select from pgnotion.runs r where r.id::text = o.batch and r.finished_at is null)`;
const REMEMBERED = `(o.kind = 'delete' and o.status = 'done' and o.page_id is not null
  or o.kind = 'create' and o.direction = 'to-notion' and o.error is not null)`;

async function pruneOperations(sql: Sql, days: number): Promise<number> {
  const rows = await sql.query(
    `with latest as (
       select d.table_name, l.id from pgnotion.data_sources d
        cross join lateral (
          select id from pgnotion.operations
           where table_name = d.table_name and status = 'done' order by id desc limit 1) l),
     old as (
       select o.id from pgnotion.operations o
        where ${OLD} and not exists (select from latest where latest.id = o.id)
          and not (${REMEMBERED} and o.started_at > clock_timestamp() - make_interval(days => $2))
        order by o.started_at limit $3)
     delete from pgnotion.operations using old where operations.id = old.id returning old.id`,
    [days, REMEMBERED_DAYS, BATCH],
  );
  return rows.length;
}

async function emptyRemembered(sql: Sql, days: number): Promise<number> {
  const rows = await sql.query(
    `with old as (
       select o.id from pgnotion.operations o
        where ${OLD} and ${REMEMBERED} and (o.before <> '{}' or o.after <> '{}' or o.row_before is not null or o.row_after is not null)
        order by o.started_at limit $2)
     update pgnotion.operations set before = '{}', after = '{}', row_before = null, row_after = null, fields = '{}' from old
      where operations.id = old.id returning old.id`,
    [days, BATCH],
  );
  return rows.length;
}

async function pruneRuns(sql: Sql, days: number): Promise<void> {
  await sql.query(
    `with old as (
       select r.id from pgnotion.runs r
        where r.finished_at < clock_timestamp() - make_interval(days => $1)
          and not exists (select from pgnotion.operations o where o.batch = r.id::text and o.batch <> 'backfill')
        order by r.id limit $2)
     delete from pgnotion.runs using old where runs.id = old.id`,
    [days, BATCH],
  );
}

/** Forgets records that have rested for longer than that. A soft deletion lasts as long as its row, and so does what is filtered out. */
export async function pruneResting(sql: Sql, days: number): Promise<void> {
  await sql.query(
    `delete from pgnotion.records where state like 'deleted%' and rested_at < clock_timestamp() - make_interval(secs => $1)`,
    [days * 86_400],
  );
}
