import type { Json } from '../model/change.ts';
import { PgnotionError } from '../model/errors.ts';
import type { DataSourceId } from '../model/ids.ts';
import type { Ask } from './call.ts';
import type { NotionClient } from './client.ts';
import { isInTrash, NotionFailure } from './error-classification.ts';

export type NewDatabase = {
  readonly parentPageId: string;
  readonly title: string;
  readonly properties: Readonly<Record<string, Json>>;
  readonly description?: readonly Json[];
  readonly icon?: Json;
  /** The environment variable that ties it to an existing database, in words. */
  readonly variable: string;
};

/** Makes a database, once, and gives its data source. */
export type MakeDatabase = (database: NewDatabase, ask: Ask) => Promise<DataSourceId>;

/**
 * Makes a database, and takes the one that a failure says was made. A second one would split what is written to it, so a
 * create that stays in doubt is not repeated here. Throws `NotionFailure`, and PgnotionError
 * `notion_database_doubtful`, `notion_parent_hidden`.
 */
export async function createDatabase(
  client: Pick<NotionClient, 'createDatabase' | 'retrieveDatabase'>,
  { variable, ...database }: NewDatabase,
  ask: Ask,
): Promise<DataSourceId> {
  try {
    return (await client.createDatabase(database, ask)).dataSourceId;
  } catch (error) {
    if (!(error instanceof NotionFailure)) throw error;
    const { committedId, effect } = error.errorClass;
    const made =
      committedId === null || effect === 'none' ? null : await client.retrieveDatabase(committedId, ask);
    const source = made?.dataSources[0]?.id;
    if (source === undefined) throw notMade({ ...database, variable }, error);
    return source;
  }
}

/** What a request that failed to make a database, or may have, is told as. */
export function notMade(database: NewDatabase, failure: NotionFailure): PgnotionError {
  if (failure.errorClass.status === 404) return parentHidden(database.parentPageId, failure);
  if (isInTrash(failure)) return parentInTrash(database.parentPageId, failure);
  return failure.errorClass.effect === 'none' ? failure : doubtful(database, failure);
}

/** Notion shows no such page, or nobody may see it. */
export const parentHidden = (id: string, cause?: NotionFailure): PgnotionError =>
  new PgnotionError({
    code: 'notion_parent_hidden',
    message: `NOTION_PARENT_PAGE_ID is ${id}, and Notion shows the connection no such page${cause === undefined ? '' : ` (${cause.message})`}`,
    remedy:
      'share the page with the connection (••• > Connections on the page in Notion), or set NOTION_PARENT_PAGE_ID to the id or the address of a page that is shared with it',
    cause,
  });

export const parentInTrash = (id: string, cause?: NotionFailure): PgnotionError =>
  new PgnotionError({
    code: 'notion_parent_in_trash',
    message: `NOTION_PARENT_PAGE_ID is ${id}, and that page is in the trash`,
    remedy:
      'restore the page in Notion, or set NOTION_PARENT_PAGE_ID to another one that is shared with the connection',
    cause,
  });

const doubtful = ({ title, parentPageId, variable }: NewDatabase, failure: NotionFailure): PgnotionError =>
  new PgnotionError({
    code: 'notion_database_doubtful',
    message: `whether the database ${JSON.stringify(title)} was created is not known: ${failure.message}`,
    remedy: `run \`pgnotion apply\` again: it looks for the database under the page ${parentPageId} before it makes one; or set ${variable} to the id of the one that is to be used`,
    retryable: false,
    cause: failure,
  });
