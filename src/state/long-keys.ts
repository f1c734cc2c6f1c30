import { createHash } from 'node:crypto';
import type { RowKey, TableName } from '../model/ids.ts';
import { startOf, TEXT_LIMITS } from '../model/texts.ts';
import type { Sql } from './sql.ts';

/** An index of PostgreSQL's takes 2,704 bytes, the table's name among them; Notion finds a page by 2,000 characters. */
const MOST_KEY_BYTES = 2_000;

const bytesOf = (key: RowKey): number => Buffer.byteLength(key);

export const isLongKey = (key: RowKey): boolean => bytesOf(key) > MOST_KEY_BYTES;

type Named = { readonly table: TableName; readonly key: RowKey; readonly kind: 'write' | 'delete' };

/** Keeps that these rows have keys too long to become records, until they are deleted or all rows are compared. */
export async function noteLongKeys(sql: Sql, rows: readonly Named[]): Promise<void> {
  if (rows.length === 0) return;
  const there = rows.filter(({ kind }) => kind === 'write');
  const gone = rows.filter(({ kind }) => kind === 'delete');
  await sql.query(
    `delete from pgnotion.long_keys l using unnest($1::text[], $2::text[]) as u(t, d)
      where l.table_name = u.t and l.digest = u.d`,
    [gone.map(({ table }) => table), gone.map(({ key }) => digestOf(key))],
  );
  await sql.query(
    `insert into pgnotion.long_keys (table_name, digest, key_start, bytes)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::integer[]) on conflict do nothing`,
    [
      there.map(({ table }) => table),
      there.map(({ key }) => digestOf(key)),
      there.map(({ key }) => startOf(key, TEXT_LIMITS.keyStart)),
      there.map(({ key }) => bytesOf(key)),
    ],
  );
}

/** Forgets them before all rows of a table are compared, which finds those that are there still. */
export async function forgetLongKeys(sql: Sql, table: TableName): Promise<void> {
  await sql.query('delete from pgnotion.long_keys where table_name = $1', [table]);
}

const digestOf = (key: RowKey): string => createHash('sha256').update(key).digest('hex');
