import { PgnotionError } from '../model/errors.ts';
import { isInTrash } from '../notion/in-trash.ts';
import type { SyncContext } from '../sync/context.ts';
import type { Sighting } from './context.ts';

/** A database in the trash takes its pages along: nobody trashed them, and they come back with it. */
export async function assertNotWithDatabase(
  { notion }: SyncContext,
  { table, source }: Pick<Sighting, 'table' | 'source'>,
): Promise<void> {
  const ask = { priority: 'poll' } as const;
  if (!(await isInTrash(notion, source.dataSource, ask))) return;
  throw new PgnotionError({
    code: 'notion_database_in_trash',
    message: `the database of ${table.name} is in the trash, and its pages with it`,
    remedy: 'restore the database in Notion',
  });
}
