import { userInfo } from 'node:os';
import { type Installation, openNotion } from '../app/connections.ts';
import { giveUpPairs } from '../app/repoint.ts';
import { commandOf } from '../model/command-line.ts';
import { PgnotionError } from '../model/errors.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import { seenSource } from '../notion/apply-schema.ts';
import { readRows } from '../postgres/read-rows.ts';
import { forgetInstallation } from '../state/installation.ts';
import { awayCode, forgetSource, isDaemonAtWork, pairsOf, remake, unlinkRecord } from '../state/reset.ts';
import { readSources } from '../state/sources.ts';
import { createStore, inCommandTransaction } from '../state/sql.ts';
import { type Loaded, unknownTable, within } from './commands.ts';

/**
 * Gives up the pairs of a table, or one record's page. Throws `reset_unconfirmed`, `daemon_at_work`, `page_not_away` and
 * `record_unknown`.
 */
export function resetCommand(
  loaded: Loaded,
  name: string,
  key: string | null,
  yes: boolean,
): Promise<string> {
  return within(loaded, async (installation) => {
    const table = installation.config.tables.find((each) => each.name === name);
    if (table === undefined) throw unknownTable(name, loaded.config);
    return key === null
      ? resetTable(installation, table.name, yes)
      : resetRecord(installation, table.name, key as RowKey, yes);
  });
}

/**
 * Forgets everything that ties this database to Notion: it is a copy, whose pages are the original's. Throws
 * `reset_unconfirmed` and `daemon_at_work`.
 */
export function resetAllCommand(loaded: Loaded, yes: boolean): Promise<string> {
  return within(loaded, async ({ pool, config }) => {
    const sql = createStore(pool, 0);
    if (!yes)
      throw unconfirmed(
        [],
        'all that pgnotion knows in this database would be forgotten: which page is which row, what waits, the history',
      );
    if (await isDaemonAtWork(sql)) throw atWork('all tables', []);
    await inCommandTransaction(pool, forgetInstallation);
    return (
      'this database has an installation of its own now, which knows no page; nothing was changed in Notion. ' +
      `Set another slot than ${JSON.stringify(config.slot)} in the configuration if the original is on the same server, ` +
      'another NOTION_PARENT_PAGE_ID, and no NOTION_DATABASE_..._ID; then run `pgnotion apply`, and start'
    );
  });
}

async function resetTable(installation: Installation, table: TableName, yes: boolean): Promise<string> {
  const sql = createStore(installation.pool, 0);
  const pairs = await pairsOf(sql, table);
  if (!yes) throw unconfirmed([table], `the pairs of ${pairs} rows and pages of ${table} would be given up`);
  if (await isDaemonAtWork(sql)) throw atWork(table, [table]);
  await giveUpPairs(installation, table);
  const isPinned = installation.environment.databaseIds.has(table);
  const isGone = !isPinned && (await isSourceGone(installation, table));
  if (isGone) await inCommandTransaction(installation.pool, (inner) => forgetSource(inner, table));
  const next = isGone
    ? 'its database is gone, and `pgnotion apply` makes a new one'
    : "run `pgnotion apply`; then the next start adopts the pages that carry a row's key, and makes the others";
  return `${table}: ${pairs} pairs are given up, and stand in the audit; ${next}`;
}

/** Whether the database that is known is in the trash, or not to be seen. */
async function isSourceGone(installation: Installation, table: TableName): Promise<boolean> {
  const source = (await readSources(createStore(installation.pool, 0))).get(table);
  if (source === undefined) return false;
  const { notion, throttle } = openNotion(installation);
  try {
    const actual = await seenSource(notion, source.dataSource, { priority: 'live' });
    return actual === null || actual.inTrash;
  } finally {
    await throttle.stop();
  }
}

async function resetRecord(
  { pool, db, tables }: Installation,
  table: TableName,
  key: RowKey,
  yes: boolean,
): Promise<string> {
  const sql = createStore(pool, 0);
  if (!yes) throw unconfirmed([table, key], `the page of ${table} ${key} would be given up`);
  if ((await awayCode(sql, table, key)) === null) throw notAway(table, key);
  const mapping = tables.find((each) => each.name === table);
  const isThere = mapping !== undefined && (await readRows(db, mapping, [key])).size > 0;
  await inCommandTransaction(pool, async (inner) => {
    await unlinkRecord(inner, table, key, userInfo().username);
    if (isThere) await remake(inner, table, key);
  });
  return `the page of ${table} ${key} is given up${isThere ? ', and its row gets a new one' : ''}`;
}

const unconfirmed = (words: readonly string[], message: string): PgnotionError =>
  new PgnotionError({
    code: 'reset_unconfirmed',
    message,
    remedy: `run ${commandOf('reset', ...words, '--yes')} if that is meant`,
  });

const atWork = (what: string, words: readonly string[]): PgnotionError =>
  new PgnotionError({
    code: 'daemon_at_work',
    message: `a daemon is at work, and might make pages of ${what} twice`,
    remedy: `stop the daemon, run ${commandOf('reset', ...words, '--yes')}, and start it again`,
  });

const notAway = (table: TableName, key: RowKey): PgnotionError =>
  new PgnotionError({
    code: 'page_not_away',
    message: `nothing of ${table} ${key} waits for a page that is hidden or moved`,
    remedy: 'see `pgnotion failures list`; a page that can be seen is unlinked by deleting its row',
  });
