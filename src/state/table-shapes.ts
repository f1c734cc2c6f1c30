import type { TableName } from '../model/ids.ts';
import type { KnownColumns } from '../model/known-columns.ts';
import { RELEASED } from './edits.ts';
import type { Sql } from './sql.ts';

/** What the catalog said of each table when it was last looked at. */
type KeptShape = { readonly digest: string; readonly columns: KnownColumns };

export async function readShapes(sql: Sql): Promise<ReadonlyMap<TableName, KeptShape>> {
  // As text, because the users' own connections leave JSON as it is.
  const rows = await sql.query<{ table: TableName; digest: string; columns: string }>(
    'select table_name as "table", digest, columns::text from pgnotion.table_shapes',
  );
  return new Map(
    rows.map(({ table, digest, columns }) => [
      table,
      { digest, columns: JSON.parse(columns) as KnownColumns },
    ]),
  );
}

export async function saveShapeDigest(sql: Sql, table: TableName, digest: string): Promise<void> {
  await sql.query(
    `insert into pgnotion.table_shapes (table_name, digest) values ($1, $2)
     on conflict (table_name) do update set digest = excluded.digest`,
    [table, digest],
  );
}

export async function saveColumns(sql: Sql, table: TableName, columns: KnownColumns): Promise<void> {
  await sql.query('update pgnotion.table_shapes set columns = $2 where table_name = $1', [
    table,
    JSON.stringify(columns),
  ]);
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
