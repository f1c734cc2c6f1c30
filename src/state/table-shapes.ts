import type { TableName } from '../model/ids.ts';
import { RELEASED } from './edits.ts';
import type { Sql } from './sql.ts';

/** What the catalog said of each table when it was last looked at. */
export async function readShapeDigests(sql: Sql): Promise<ReadonlyMap<TableName, string>> {
  const rows = await sql.query<{ table: TableName; digest: string }>(
    'select table_name as "table", digest from pgnotion.table_shapes',
  );
  return new Map(rows.map(({ table, digest }) => [table, digest]));
}

export async function saveShapeDigest(sql: Sql, table: TableName, digest: string): Promise<void> {
  await sql.query(
    `insert into pgnotion.table_shapes (table_name, digest) values ($1, $2)
     on conflict (table_name) do update set digest = excluded.digest`,
    [table, digest],
  );
}

/** Of what PostgreSQL, or the look at a column's type, has refused: it may pass now. A decision that waits stays one. */
const ON_ITS_ACCOUNT = `(code like 'sql\\_%' or code in ('value_refused', 'page_incomplete', 'row_kept'))`;

/** Tries again what was refused while the table was another one. Returns how much that is. */
export async function releaseRefusedByShape(sql: Sql, table: TableName): Promise<number> {
  const edits = await sql.query(
    `update pgnotion.edits set ${RELEASED}
      where table_name = $1 and parked_at is not null and ${ON_ITS_ACCOUNT} returning 1`,
    [table],
  );
  const lines = await sql.query(
    `select pgnotion.wake(table_name, key) from pgnotion.outbox
      where table_name = $1 and parked_at is not null and ${ON_ITS_ACCOUNT}`,
    [table],
  );
  return edits.length + lines.length;
}
