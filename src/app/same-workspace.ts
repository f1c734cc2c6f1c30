import { PgnotionError } from '../model/errors.ts';
import type { NotionClient } from '../notion/client.ts';
import { readInstallation, saveInstallation } from '../state/installation.ts';
import { readSources } from '../state/sources.ts';
import type { Sql } from '../state/sql.ts';

type Self = Awaited<ReturnType<NotionClient['me']>>;

/** Who the token is. Throws `workspace_changed`. */
export async function meetWorkspace(sql: Sql, notion: Pick<NotionClient, 'me'>): Promise<Self> {
  const self = await notion.me({ priority: 'live' });
  await assertSameWorkspace(sql, self);
  return self;
}

/**
 * Throws `workspace_changed` if the databases that are known are in another workspace than the token's: to Notion they would
 * all be hidden, and a person who has moved would be told to share them.
 */
export async function assertSameWorkspace(sql: Sql, self: Self): Promise<void> {
  const former = (await readInstallation(sql))?.workspace;
  if (former === undefined || self.workspaceId === null || former.id === self.workspaceId) return;
  if ((await readSources(sql)).size === 0) return;
  throw new PgnotionError({
    code: 'workspace_changed',
    message: `NOTION_API_KEY belongs to ${named(self.workspace, self.workspaceId)}, and the pages that this database is synced with are in ${named(former.name, former.id)}`,
    remedy:
      'to sync with that workspace from now on, stop the daemon and run `pgnotion reset --yes`, which forgets the former pages and leaves them as they are, then `pgnotion apply`; ' +
      'to stay, set NOTION_API_KEY to the token of a connection of the former workspace',
  });
}

const named = (name: string | null, id: string): string =>
  name === null ? `the workspace ${id}` : `the workspace ${JSON.stringify(name)} (${id})`;

/** Keeps where the databases are, once all of them were seen there. */
export async function keepWorkspace(sql: Sql, { workspace: name, workspaceId: id }: Self): Promise<void> {
  const own = await readInstallation(sql);
  if (own === null || id === null || own.workspace?.id === id) return;
  await saveInstallation(sql, { ...own, workspace: { id, name } });
}
