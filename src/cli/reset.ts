import { type Installation, openNotion } from '../app/connections.ts';
import { forgetAll, whatIsKnown } from '../app/forget-installation.ts';
import { unknownTable } from '../app/operator.ts';
import { giveUpPairs } from '../app/repoint.ts';
import { commandOf } from '../model/command-line.ts';
import { PgnotionError } from '../model/errors.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import { seenSource } from '../notion/apply-schema.ts';
import { readRows } from '../postgres/read-rows.ts';
import { madeSources } from '../state/made-databases.ts';
import {
  awayCode,
  forgetSource,
  forgetTable,
  isDaemonAtWork,
  pairsOf,
  remake,
  unlinkRecord,
} from '../state/reset.ts';
import { readSources } from '../state/sources.ts';
import { createStore, inCommandTransaction } from '../state/sql.ts';
import { accountName } from './account.ts';
import { type Confirm, type Loaded, within } from './commands.ts';
import { forgetQuestion, forgottenLines, stepsAfter } from './forgotten.ts';

/** What a command did, for a person and, under `--json`, for a program. */
type Done = { readonly message: string; readonly data: Readonly<Record<string, unknown>> };

/**
 * Gives up the pairs of a table, or one record's page. Throws `reset_unconfirmed`, `daemon_at_work`, `page_not_away` and
 * `record_unknown`.
 */
export function resetCommand(
  loaded: Loaded,
  name: string,
  key: string | null,
  confirm: Confirm,
): Promise<Done> {
  return within(loaded, async (installation) => {
    const table = installation.config.tables.find((each) => each.name === name);
    if (table === undefined) {
      if (key === null && (await isFormer(installation, name)))
        return resetFormer(installation, name as TableName, confirm);
      throw unknownTable(name, loaded.config);
    }
    return key === null
      ? resetTable(installation, table.name, confirm)
      : resetRecord(installation, table.name, key as RowKey, confirm);
  });
}

/**
 * Forgets everything that ties this database to Notion: the workspace becomes another one, or the database is a copy,
 * whose pages are the original's. Throws `reset_unconfirmed`, `daemon_at_work` and `slot_busy`.
 */
export function resetAllCommand(loaded: Loaded, confirm: Confirm): Promise<Done> {
  return within(
    loaded,
    async (installation) => {
      const known = await whatIsKnown(installation);
      const question = forgetQuestion(known);
      // Before anybody is asked: nothing would come of the answer.
      if (await isDaemonAtWork(createStore(installation.pool, 0))) throw atWork('all tables', []);
      if (!(await confirm(question))) throw unconfirmed([], question);
      const forgotten = await forgetAll(installation, known);
      if (forgotten === null) throw atWork('all tables', []);
      const next = stepsAfter(installation, forgotten);
      return {
        message: [...forgottenLines(forgotten), 'Next:', ...next.map((line) => `  ${line}`)].join('\n'),
        data: {
          tables: Object.fromEntries(forgotten.pairs),
          slots: forgotten.slots,
          publication: forgotten.publication,
          next,
        },
      };
    },
    'none',
  );
}

async function resetTable(installation: Installation, table: TableName, confirm: Confirm): Promise<Done> {
  const sql = createStore(installation.pool, 0);
  const pairs = await pairsOf(sql, table);
  const question = `the pairs of ${pairs} rows and pages of ${table} would be given up; rows and pages stay as they are`;
  if (await isDaemonAtWork(sql)) throw atWork(table, [table]);
  if (!(await confirm(question))) throw unconfirmed([table], question);
  if ((await giveUpPairs(installation, table)) === null) throw atWork(table, [table]);
  const isPinned = installation.environment.databaseIds.has(table);
  const isGone = !isPinned && (await isSourceGone(installation, table));
  if (isGone) await inCommandTransaction(installation.pool, (inner) => forgetSource(inner, table));
  const next = isGone
    ? 'its database is gone, and `pgnotion apply` makes a new one'
    : "run `pgnotion apply`; then the next start adopts the pages that carry a row's key, and makes the others";
  return {
    message: `${table}: ${pairs} pairs are given up, and stand in the audit; ${next}`,
    data: { tables: { [table]: pairs }, isDatabaseGone: isGone },
  };
}

/** Whether a table was synced that the configuration does not name any more. */
const isFormer = async ({ pool }: Installation, name: string): Promise<boolean> =>
  (await readSources(createStore(pool, 0))).has(name as TableName);

async function resetFormer({ pool }: Installation, table: TableName, confirm: Confirm): Promise<Done> {
  const sql = createStore(pool, 0);
  const pairs = await pairsOf(sql, table);
  const question = `which page is which of the ${pairs} rows of ${table} would be forgotten; rows and pages stay as they are`;
  if (await isDaemonAtWork(sql)) throw atWork(table, [table]);
  if (!(await confirm(question))) throw unconfirmed([table], question);
  const forgotten = await inCommandTransaction(pool, async (inner) => {
    if (await isDaemonAtWork(inner)) return false;
    await forgetTable(inner, table);
    return true;
  });
  if (!forgotten) throw atWork(table, [table]);
  return {
    message: `${table}: it is not in the configuration any more, and is forgotten; ${pairs} pairs stand in the audit`,
    data: { tables: { [table]: pairs }, isDatabaseGone: false },
  };
}

/** Whether the database that is known is in the trash, or not to be seen. */
async function isSourceGone(installation: Installation, table: TableName): Promise<boolean> {
  const sql = createStore(installation.pool, 0);
  const made = (await madeSources(sql)).get(table);
  const dataSource = (await readSources(sql)).get(table)?.dataSource ?? made;
  if (dataSource === undefined) return false;
  const { notion, throttle } = openNotion(installation);
  try {
    const actual = await seenSource(notion, dataSource, { priority: 'live' });
    return actual === null || actual.inTrash;
  } finally {
    await throttle.stop();
  }
}

async function resetRecord(
  { pool, db, tables }: Installation,
  table: TableName,
  key: RowKey,
  confirm: Confirm,
): Promise<Done> {
  const sql = createStore(pool, 0);
  const question = `the page of ${table} ${key} would be given up`;
  if (!(await confirm(question))) throw unconfirmed([table, key], question);
  if ((await awayCode(sql, table, key)) === null) throw notAway(table, key);
  const mapping = tables.find((each) => each.name === table);
  const isThere = mapping !== undefined && (await readRows(db, mapping, [key])).size > 0;
  await inCommandTransaction(pool, async (inner) => {
    await unlinkRecord(inner, table, key, accountName());
    if (isThere) await remake(inner, table, key);
  });
  return {
    message: `the page of ${table} ${key} is given up${isThere ? ', and its row gets a new one' : ''}`,
    data: { table, key, isRemade: isThere },
  };
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
