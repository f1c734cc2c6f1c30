import { databaseVariable } from './environment.ts';
import { dataSourceOf, type Installation } from './installation.ts';
import { asksPeople } from './model/conflict.ts';
import { conflictsNotebook } from './model/conflict-page.ts';
import { SYNC_LOG } from './model/sync-log.ts';
import type { NotionClient } from './notion/client.ts';
import { applyNotebook, type Notebook } from './notion/notebook.ts';
import { type NotebookName, readNotebook, saveNotebook } from './state/notebooks.ts';
import { readSources } from './state/sources.ts';
import { createStore } from './state/sql.ts';

export type AppliedNotebookLine = {
  readonly title: string;
  /** The environment variable that ties the notebook to a database. */
  readonly variable: string;
  readonly id: string;
  readonly created: boolean;
};

const ASK = { priority: 'live' } as const;

/** Makes the databases that pgnotion writes for people, as far as the configuration wants them, or completes them. */
export async function applyNotebooks(
  installation: Installation,
  notion: NotionClient,
): Promise<readonly AppliedNotebookLine[]> {
  const lines: AppliedNotebookLine[] = [];
  for (const [name, notebook] of await wanted(installation))
    lines.push(await applyOne(installation, notion, name, notebook));
  return lines;
}

async function wanted({ config, tables, pool }: Installation): Promise<readonly [NotebookName, Notebook][]> {
  const notebooks: [NotebookName, Notebook][] = [];
  if (config.syncLog.level !== 'off') notebooks.push(['sync_log', SYNC_LOG]);
  if (asksPeople(tables)) {
    const sources = await readSources(createStore(pool, 0));
    const placed = tables.flatMap(({ name, title }) => {
      const dataSource = sources.get(name)?.dataSource;
      return dataSource === undefined ? [] : [{ title, dataSource }];
    });
    notebooks.push(['conflicts', conflictsNotebook(placed)]);
  }
  return notebooks;
}

async function applyOne(
  { environment, pool }: Installation,
  notion: NotionClient,
  name: NotebookName,
  notebook: Notebook,
): Promise<AppliedNotebookLine> {
  const store = createStore(pool, 0);
  const variable = databaseVariable(name);
  const given = environment.notebookIds.get(name);
  const id =
    given === undefined
      ? ((await readNotebook(store, name))?.dataSource ?? null)
      : await dataSourceOf(notion, variable, given);
  const parentPageId = environment.NOTION_PARENT_PAGE_ID ?? null;
  const { dataSource, database, ids, created } = await applyNotebook(
    notion,
    notebook,
    { id, parentPageId },
    ASK,
  );
  await saveNotebook(store, name, { dataSource, database, properties: ids });
  return { title: notebook.title, variable, id: database ?? dataSource, created };
}
