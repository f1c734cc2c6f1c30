import type { RowKey, TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/** All keys of a table's records whose rows are there, as far as we know, a chunk at a time. */
export async function* recordKeys(sql: Sql, table: TableName, size: number): AsyncIterable<RowKey[]> {
  let after: string | null = null;
  for (;;) {
    const rows: { key: RowKey }[] = await sql.query<{ key: RowKey }>(
      `select key from pgnotion.records
        where table_name = $1 and (rested_at is null or state like 'filtered%') and ($2::text is null or key collate "C" > $2)
        order by key collate "C" limit $3`,
      [table, after, size],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.key;
    yield rows.map((row) => row.key);
  }
}
