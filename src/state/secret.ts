import { randomBytes } from 'node:crypto';
import type { Sql } from './sql.ts';

/** The key that signs our messages in the WAL; made once, kept in a table that only pgnotion's role reads. */
export async function tagSecret(sql: Sql): Promise<Buffer> {
  const [row] = await sql.query<{ value: string }>(
    `insert into pgnotion.settings as s (name, value) values ('tag_secret', to_jsonb($1::text))
     on conflict (name) do update set value = s.value returning s.value #>> '{}' as value`,
    [randomBytes(32).toString('base64')],
  );
  return Buffer.from(row?.value ?? '', 'base64');
}
