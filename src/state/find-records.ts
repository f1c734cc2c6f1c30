import type { PageImage } from '../model/change.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

export type FoundRecord = {
  readonly table_name: TableName;
  readonly key: RowKey;
  readonly base_page: PageImage;
};

/** The records of these tables that have the key, and the one that has the page. */
export function findRecords(
  sql: Sql,
  wanted: { readonly key: string; readonly page: PageId | null },
  tables: readonly string[],
): Promise<FoundRecord[]> {
  return sql.query<FoundRecord>(
    `select r.table_name, r.key, r.base_page from pgnotion.records r
      where r.table_name = any($1::text[]) and r.key = $2
     union
     select r.table_name, r.key, r.base_page from pgnotion.records r
      where r.table_name = any($1::text[]) and r.page_id = $3::uuid
      order by table_name, key limit 50`,
    [tables, wanted.key, wanted.page],
  );
}
