import { PgnotionError } from '../model/errors.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { Ask } from '../notion/client.ts';
import { unlessGone } from '../notion/error-classification.ts';
import { isInTrash } from '../notion/in-trash.ts';
import type { Source } from '../state/sources.ts';
import type { SyncContext } from './context.ts';

type TrashedPage = {
  readonly table: { readonly name: TableName };
  readonly source: Pick<Source, 'dataSource'>;
  readonly page: PageId;
};

/**
 * A database in the trash takes its pages along: nobody trashed them, and they come back with it. To be asked, with up to
 * three requests, before anything is concluded from a page that was seen in the trash. Rejects with
 * `notion_database_in_trash` (the table is suspended once a poll has noticed) or `notion_page_back`, both retryable.
 */
export async function assertNotWithDatabase(
  { notion }: Pick<SyncContext, 'notion'>,
  { table, source, page }: TrashedPage,
  ask: Ask = { priority: 'poll' },
): Promise<void> {
  if (await isInTrash(notion, source.dataSource, ask))
    throw new PgnotionError({
      code: 'notion_database_in_trash',
      message: `the database of ${table.name} is in the trash, and its pages with it`,
      remedy: 'restore the database in Notion',
      retryable: true,
    });
  // The database may have come back since the page was seen: only what is in the trash beside a live one is there by itself.
  const now = await notion.retrievePage(page, ask).catch(unlessGone);
  if (now === null || now.inTrash) return;
  throw new PgnotionError({
    code: 'notion_page_back',
    message: `a page of ${table.name} has come back from the trash this moment`,
    remedy: 'nothing to do: it is looked at again',
    retryable: true,
  });
}
