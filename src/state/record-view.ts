import type { PageImage, RowImage } from '../model/change.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { RecordState } from '../model/record-state.ts';
import type { Sql } from './sql.ts';

/** A record as the state has it: what both sides held when they last agreed, and where it stands. */
export type RecordLine = {
  readonly table_name: TableName;
  readonly key: RowKey;
  readonly page_id: PageId | null;
  readonly state: RecordState;
  readonly base_row: RowImage;
  readonly base_page: PageImage;
  readonly page_edited_at: Date | null;
  readonly synced_at: Date | null;
  /** Whether a change of it waits to be written to Notion, and whether one waits to be written to PostgreSQL. */
  readonly pending_to_notion: boolean;
  readonly pending_to_postgres: boolean;
};

/** Null if there is no such record. */
export async function readRecordLine(sql: Sql, table: string, key: string): Promise<RecordLine | null> {
  const [line] = await sql.query<RecordLine>(
    `select r.table_name, r.key, r.page_id, r.state, r.base_row, r.base_page, r.page_edited_at, r.synced_at,
            exists (select from pgnotion.outbox o where o.table_name = r.table_name and o.key = r.key) as pending_to_notion,
            exists (select from pgnotion.edits e where e.page_id = r.page_id) as pending_to_postgres
       from pgnotion.records r where r.table_name = $1 and r.key = $2`,
    [table, key],
  );
  return line ?? null;
}
