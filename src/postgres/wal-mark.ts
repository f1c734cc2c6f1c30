import { sql } from 'kysely';
import type { RowKey, TableName } from '../model/ids.ts';
import { signTag, TAG_PREFIX } from './origin-tag.ts';
import type { UserDatabase } from './rows.ts';

/** Names no record: the message is there to be read. */
const NOTHING = { operation: 'mark', table: '' as TableName, key: '' as RowKey };

/** Writes a message into the log and returns its position: whoever has read it has read all that was committed before. */
export async function markLog(db: UserDatabase, secret: Buffer): Promise<string> {
  const { rows } = await sql<{ lsn: string }>`
    select pg_logical_emit_message(true, ${TAG_PREFIX}, ${signTag(secret, NOTHING)})::text as lsn`.execute(
    db,
  );
  return rows[0]?.lsn ?? '0/0';
}
