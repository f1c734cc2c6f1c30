import { databaseVariable } from '../config/environment.ts';
import { commandOf } from '../model/command-line.ts';
import { PgnotionError } from '../model/errors.ts';
import type { DataSourceId, TableName } from '../model/ids.ts';
import { seenSource } from '../notion/apply-schema.ts';
import type { NotionClient } from '../notion/client.ts';
import type { Sources } from '../notion/schema.ts';
import { isDaemonAtWork, pairsOf, unlinkTable } from '../state/reset.ts';
import { readSources, type Source } from '../state/sources.ts';
import { createStore, inCommandTransaction, type Sql } from '../state/sql.ts';
import { voidBase } from '../state/void-base.ts';
import type { Installation } from './connections.ts';
import { ownInstallation } from './installation-identity.ts';
import { assertOwnSource } from './installation-marks.ts';

/** A table whose records have their pages in another data source than the one that it is tied to now. */
export type Repointed = {
  readonly table: TableName;
  readonly from: Source;
  readonly to: DataSourceId;
  readonly pairs: number;
};

export async function repointedTables(
  { pool }: Pick<Installation, 'pool'>,
  sources: Sources,
  sql: Sql = createStore(pool, 0),
): Promise<Repointed[]> {
  const found: Repointed[] = [];
  for (const [table, from] of await readSources(sql)) {
    const to = sources.get(table);
    if (to === undefined || to === from.dataSource) continue;
    const pairs = await pairsOf(sql, table);
    if (pairs > 0) found.push({ table, from, to, pairs });
  }
  return found;
}

/** What moving these tables means, and what it costs, a line for each and one for all. */
export function priceOf({ environment }: Installation, tables: readonly Repointed[]): string {
  const { requests, windowMs } = environment.NOTION_RATE_LIMIT;
  const lines = tables.map(
    ({ table, from, to, pairs }) =>
      `${table}: its ${pairs} records have their pages in the data source ${from.dataSource}, and ${databaseVariable(table)} names ${to}. ` +
      `The old pages stay as they are and are no longer synced; pages there with a row's key are adopted, and up to ${pairs} are made anew`,
  );
  const pages = tables.reduce((sum, { pairs }) => sum + pairs, 0);
  const minutes = Math.max(1, Math.ceil((pages / requests) * (windowMs / 60_000)));
  return [...lines, `about ${pages} requests, ${minutes} min at ${requests} per ${windowMs / 1000} s`].join(
    '\n',
  );
}

/** The daemon moves no table by itself: which of the two databases is meant is for a person to say. */
export const notMoved = (tables: readonly Repointed[]): PgnotionError =>
  new PgnotionError({
    code: 'notion_database_repointed',
    message: tables
      .map(
        ({ table, from, to, pairs }) =>
          `${databaseVariable(table)} names the data source ${to}, and the pages of ${pairs} records of ${table} are in ${from.dataSource}`,
      )
      .join('; '),
    remedy: tables
      .map(
        ({ table, from }) =>
          `to move ${table} there, run ${commandOf('reset', table, '--yes')} and \`pgnotion apply\`; to stay, take ${databaseVariable(table)} out of the environment, or set it to ${from.dataSource}`,
      )
      .join('; '),
  });

/** Gives up the pairs of tables that are moved, and points the relations of other tables at the new place. */
export async function moveTables(
  installation: Installation,
  notion: NotionClient,
  moved: readonly Repointed[],
  takeOver: boolean,
): Promise<void> {
  await assertCanMove(installation, notion, moved, takeOver);
  for (const { table, from, to } of moved) {
    if ((await giveUpPairs(installation, table)) === null) throw atWork();
    for (const other of installation.tables)
      await pointRelations(installation, notion, other, { table, from, to });
  }
}

/** Nothing is given up for a place that cannot be written to, or beside a daemon that would go on with the old one. */
async function assertCanMove(
  installation: Installation,
  notion: NotionClient,
  moved: readonly Repointed[],
  takeOver: boolean,
): Promise<void> {
  const { pool } = installation;
  const claim = { own: await ownInstallation(installation, takeOver), takeOver };
  for (const { table, to } of moved) {
    const actual = await seenSource(notion, to, { priority: 'live' });
    if (actual !== null) assertOwnSource(installation, claim, { table, actual });
    if (actual !== null && !actual.inTrash) continue;
    throw new PgnotionError({
      code: 'notion_database_hidden',
      message: `${databaseVariable(table)} names the data source ${to}, which is in the trash or not shared with the connection`,
      remedy:
        'restore it in Notion, or share it with the connection (••• > Connections), and run `pgnotion apply` again',
    });
  }
  if (await isDaemonAtWork(createStore(pool, 0))) throw atWork();
}

const atWork = (): PgnotionError =>
  new PgnotionError({
    code: 'daemon_at_work',
    message: 'a daemon is at work, and might make pages twice',
    remedy: 'stop the daemon, run `pgnotion apply --yes`, and start it again',
  });

/**
 * In one transaction with the bases of what points to the table: its rows' relations are written again. Null if a daemon is
 * at work.
 */
export function giveUpPairs({ pool, tables }: Installation, table: TableName): Promise<number | null> {
  return inCommandTransaction(pool, async (sql) => {
    if (await isDaemonAtWork(sql)) return null;
    const pairs = await unlinkTable(sql, table, 'pgnotion');
    for (const other of tables) {
      const fields = other.fields.filter(({ relatedTable }) => relatedTable === table);
      await voidBase(
        sql,
        other,
        fields.map(({ property }) => property),
      );
    }
    return pairs;
  });
}

async function pointRelations(
  { pool }: Installation,
  notion: NotionClient,
  other: Installation['tables'][number],
  { table, from, to }: Pick<Repointed, 'table' | 'from' | 'to'>,
): Promise<void> {
  const source = (await readSources(createStore(pool, 0))).get(other.name);
  const fields = other.fields.filter(({ relatedTable }) => relatedTable === table);
  if (source === undefined || fields.length === 0) return;
  const ask = { priority: 'live' } as const;
  const actual = await seenSource(notion, source.dataSource, ask);
  for (const { property } of fields) {
    const found = Object.values(actual?.properties ?? {}).find(
      ({ id }) => id === source.properties[property],
    );
    const relation = found?.relation as { readonly data_source_id?: unknown } | undefined;
    if (found === undefined || relation?.data_source_id !== from.dataSource) continue;
    const aimed = { relation: { data_source_id: to, type: 'single_property', single_property: {} } };
    await notion.updateDataSource(source.dataSource, { properties: { [found.id]: aimed } }, ask);
  }
}
