import type { Sql } from './sql.ts';

/** Corrects the numbers of records, should anything have changed these behind the triggers' back. */
export const recountRecords = (sql: Sql): Promise<unknown> => sql.query('select pgnotion.recount_records()');

/** Adds up the lines that the statements have left, so that there are few to read. */
export async function foldRecordCounts(sql: Sql): Promise<void> {
  await sql.query(
    `with read as (delete from pgnotion.record_counts returning table_name, state, n)
     insert into pgnotion.record_counts (table_name, state, n)
     select table_name, state, sum(n) from read group by 1, 2 having sum(n) <> 0`,
  );
}
