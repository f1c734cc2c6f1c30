import type { TableName } from '../model/ids.ts';
import { triedAgain } from './operations.ts';
import type { Sql } from './sql.ts';

/** What the state is measured by. */
type Doubts = {
  /** The tables of the configuration. */
  readonly tables: readonly TableName[];
  /** Days for which a page that is away may still show what became of a write. */
  readonly days: number;
  /** For how long a request may be under way, or be tried again. */
  readonly graceSeconds: number;
};

/**
 * Ends what nobody will look at any more: operations whose outcome is not known, and what waits for a record, a page or a
 * table that is gone. Each operation and conflict says how it ended; then retention forgets it.
 */
export async function endDoubts(sql: Sql, doubts: Doubts): Promise<void> {
  await endOperations(sql, doubts);
  await endConflicts(sql, doubts.tables);
  await dropOfRemovedTables(sql, doubts.tables);
  await dropOfGoneRecords(sql);
}

/**
 * `ripeDoubts` has linked pages looked at, which settles their writes. Of all else, what the record is now tells what came
 * of it, or that nobody can tell.
 */
async function endOperations(sql: Sql, { tables, days, graceSeconds }: Doubts): Promise<void> {
  await sql.query(
    `with doubt as (
       select o.id, o.kind, o.table_name = any($1::text[]) as mapped,
              case when r.key is null then 'gone' when r.rested_at is not null then 'resting'
                   when r.state like 'away%' then 'away' else r.state end as state,
              r.page_id is not null and o.page_id is not null and r.page_id <> o.page_id as replaced,
              o.started_at < clock_timestamp() - make_interval(days => $2) as old,
              ${triedAgain('o')} as repeated
         from pgnotion.operations o
         left join pgnotion.records r on r.table_name = o.table_name and r.key = o.key
        where o.status in ('started', 'unknown') and o.started_at < clock_timestamp() - make_interval(secs => $3)
          and not (o.table_name = any($1::text[]) and exists (
            select from pgnotion.outbox l where l.table_name = o.table_name and l.key = o.key and l.parked_at is null))),
     ended as (
       select id, case
         when not mapped then 'failed: its table is not in the configuration any more, so nobody looks whether Notion carried it out'
         when kind in ('delete', 'filter') and repeated then 'failed: the answer was lost, and it was tried again'
         when kind in ('delete', 'filter') and state in ('resting', 'gone') then 'done: the answer was lost, and a later try or look settled it'
         when kind = 'restore' and state = 'linked' then 'done: the answer was lost, and a later try or look settled it'
         when kind in ('delete', 'filter', 'restore') then 'failed: the answer was lost, and the record went another way since'
         when replaced then 'failed: the answer was lost, and the record has another page by now'
         when state in ('resting', 'gone') then 'failed: the answer was lost, and the record was deleted or given up before anybody could look'
         when state = 'away' and old then 'failed: the answer was lost, and the page was not to be seen since'
       end as result from doubt)
     update pgnotion.operations o
        set status = split_part(result, ': ', 1), finished_at = clock_timestamp(),
            error = concat_ws('; ', o.error, substr(result, strpos(result, ': ') + 2))
       from ended where ended.id = o.id and result is not null`,
    [tables, days, graceSeconds],
  );
}

async function endConflicts(sql: Sql, tables: readonly TableName[]): Promise<void> {
  await sql.query(
    `update pgnotion.conflict_entries c
        set status = 'outdated', resolved_at = clock_timestamp(), resolution = null,
            note = case when c.table_name = any($1::text[]) then 'the record is gone, and this ended with it'
                        else 'the table is not in the configuration any more, and this ended with it' end
      where c.status in ('open', 'decided')
        and (c.table_name <> all($1::text[])
             or not exists (select from pgnotion.records r
                             where r.table_name = c.table_name and r.key = c.record_id and r.rested_at is null)
                and not exists (select from pgnotion.outbox o
                                 where o.table_name = c.table_name and o.key = c.record_id))`,
    [tables],
  );
}

/** What is kept of a table beside its records: those go on if the table comes back, which has it compared. */
const PENDING = ['outbox', 'edits', 'waiting', 'clearings', 'page_failures', 'refused_fields', 'notices'];

async function dropOfRemovedTables(sql: Sql, tables: readonly TableName[]): Promise<void> {
  for (const name of PENDING)
    await sql.query(`delete from pgnotion.${name} where table_name <> all($1::text[])`, [tables]);
  await sql.query('delete from pgnotion.waiting where target_table <> all($1::text[])', [tables]);
}

async function dropOfGoneRecords(sql: Sql): Promise<void> {
  for (const name of ['waiting', 'clearings'])
    await sql.query(
      `delete from pgnotion.${name} w
        where not exists (select from pgnotion.records r where r.table_name = w.table_name and r.key = w.key)
          and not exists (select from pgnotion.outbox o where o.table_name = w.table_name and o.key = w.key)
          and not exists (select from pgnotion.edits e where e.table_name = w.table_name and e.key = w.key)
          ${name === 'clearings' ? "and w.state <> 'crossed'" : ''}`,
    );
  // A deletion that waits for a person, of a record that was given up or forgotten meanwhile.
  await sql.query(
    `delete from pgnotion.outbox o where o.kind = 'delete' and o.code = 'mass_deletion' and o.parked_at is not null
        and not exists (select from pgnotion.records r where r.table_name = o.table_name and r.key = o.key)`,
  );
}
