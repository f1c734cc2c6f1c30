import type { DeletionLoad } from '../model/guard.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { Trouble } from './outbox.ts';
import type { Sql } from './sql.ts';

type Side = 'to-notion' | 'to-postgres';

/** What the guard has to know of a table. `coming` counts what waits in the outbox; the poll adds what it has found. */
export async function deletionLoad(
  sql: Sql,
  table: TableName,
  side: Side,
  windowMinutes: number,
): Promise<DeletionLoad> {
  const [row] = await sql.query<DeletionLoad>(
    `select (select count(*)::int from pgnotion.operations
              where table_name = $1 and direction = $2 and kind = 'delete' and status = 'done'
                and started_at > clock_timestamp() - make_interval(mins => $3)) as crossed,
            case $2 when 'to-notion' then
              (select count(*)::int from pgnotion.outbox o join pgnotion.records r using (table_name, key)
                where o.table_name = $1 and o.kind = 'delete' and not o.approved and r.state <> 'resting')
            else (select count(*)::int from pgnotion.edits
                   where table_name = $1 and code = 'mass_deletion') end as coming,
            (select count(*)::int from pgnotion.records
              where table_name = $1 and page_id is not null and state <> 'resting') as records`,
    [table, side, windowMinutes],
  );
  return row ?? { crossed: 0, coming: 0, records: 0 };
}

/** A deletion that waits for a person, on either side. */
export const massDeletion = (load: DeletionLoad): Trouble => ({
  code: 'mass_deletion',
  reason: `${load.crossed + load.coming} of ${load.records} records of this table would be deleted at once`,
  remedy: 'look at `pgnotion deletes list`, then `pgnotion deletes approve` or `pgnotion deletes reject`',
});

/** A page in the trash whose row goes only when a person says so. */
export const deletionToReview: Trouble = {
  code: 'delete_review',
  reason: 'the page was put into the trash in Notion, and the row is kept until somebody decides',
  remedy:
    '`pgnotion deletes approve` deletes the row, `pgnotion deletes reject` restores the page; or restore it in Notion',
};

/** A line of the view `deletes`. */
export type WaitingDelete = {
  readonly side: Side;
  readonly table_name: TableName;
  readonly key: string;
  readonly page_id: PageId | null;
  readonly reason: string;
  readonly since: Date;
};

export const readDeletes = (sql: Sql): Promise<WaitingDelete[]> =>
  sql.query<WaitingDelete>('select * from pgnotion.deletes order by table_name, since, key');
