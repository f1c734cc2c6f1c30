import type { Config } from '../config/mapping-file.ts';
import { chosenText } from '../model/chosen-value.ts';
import { commandOf } from '../model/command-line.ts';
import { PgnotionError } from '../model/errors.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { ListedKind } from '../model/mass-change.ts';
import { notionIdIn } from '../model/notion-address.ts';
import { lookupsOver } from '../model/page.ts';
import { typeText } from '../model/type-text.ts';
import { type ConflictLine, readConflict, resolveConflict } from '../state/conflicts.ts';
import { decideGuarded, pairMatch } from '../state/guarded-changes.ts';
import {
  pauseAll,
  pauseTable,
  resumeAll,
  resumeTable,
  resyncTables,
  retryRecord,
} from '../state/operator.ts';
import { readSource } from '../state/sources.ts';
import type { Sql } from '../state/sql.ts';

// What an operator decides or asks for, at the command line and in the dashboard alike. Each gives the sentence that tells
// what was done, or throws why nothing was.

export async function retryNow(sql: Sql, table: string, key: string): Promise<string> {
  if ((await retryRecord(sql, table, key)) === 0) throw nothingWaits(table, key);
  return `${table} ${key} is tried again now`;
}

const nothingWaits = (table: string, key: string): PgnotionError =>
  new PgnotionError({
    code: 'nothing_to_retry',
    message: `nothing of ${table} ${key} waits or has failed`,
    remedy: 'see `pgnotion failures list` for the tables and keys',
  });

export async function resyncNow(sql: Sql, config: Config, table: string | null): Promise<string> {
  if ((await resyncTables(sql, table)) === 0) throw unknownTable(table, config);
  return `${table ?? 'every table'} is compared again; the daemon writes what differs (see \`pgnotion status\`)`;
}

/** Of one table, or of all for null. */
export async function pauseOrResume(
  sql: Sql,
  config: Config,
  what: 'pause' | 'resume',
  table: string | null,
): Promise<string> {
  if (table !== null) {
    const known = config.tables.find((each) => each.name === table);
    if (known === undefined || (await readSource(sql, known.name)) === null)
      throw unknownTable(table, config);
    await (what === 'pause' ? pauseTable : resumeTable)(sql, known.name);
    return `${table} is ${what}d`;
  }
  const count = await (what === 'pause' ? pauseAll : resumeAll)(sql);
  if (count === 0 && what === 'pause') throw unknownTable(null, config);
  return what === 'pause'
    ? 'every table is paused; what changes meanwhile waits'
    : `${count} paused tables go on`;
}

export const unknownTable = (table: string | null, config: Config): PgnotionError =>
  new PgnotionError({
    code: 'table_unknown',
    message: table === null ? 'no table has been applied yet' : `${table} is not a synced table`,
    remedy: `use one of ${config.tables.map((each) => each.name).join(', ')}; a table that is new in the configuration needs \`pgnotion apply\` first`,
  });

export type GuardedWhich = {
  readonly table: string;
  readonly key: string | null;
  readonly kind: ListedKind | null;
  readonly field: string | null;
};

export async function decideWaiting(
  sql: Sql,
  decision: 'approve' | 'reject',
  { table, key, kind, field }: GuardedWhich,
): Promise<string> {
  const which = { table, key: key === null ? null : keyOrPage(key), kind, field };
  const count = await decideGuarded(sql, decision, which);
  if (count === 0 && decision === 'approve' && kind === 'pairing') throw needsPair(table);
  if (count === 0) throw nothingGuarded(table, key);
  return `${count} ${count === 1 ? 'change' : 'changes'} of ${table} ${decision === 'approve' ? 'approved' : 'rejected'}; the daemon carries it out`;
}

/** An address is that of a page; what else is given may be a key. */
const keyOrPage = (given: string): string =>
  given.includes('/')
    ? (notionIdIn(given, 'page')
        ?.replaceAll('-', '')
        .replace(...DASHED) ?? given)
    : given;

const DASHED = [/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'] as const;

/** Makes a page without a key the page of a row that it matches. */
export async function pairNow(
  sql: Sql,
  config: Config,
  { table, key, page }: { readonly table: string; readonly key: string; readonly page: string },
): Promise<string> {
  const id = notionIdIn(page, 'page');
  const known = config.tables.some(({ name }) => name === table);
  if (id === null || !known || !(await pairMatch(sql, { table, key, page: id })))
    throw new PgnotionError({
      code: 'no_such_pair',
      message: `the page ${page} does not wait to be joined with the row ${key} of ${table}`,
      remedy: 'see `pgnotion guarded list` for the pages that wait, each with the rows that it matches',
    });
  return `the page becomes the page of ${key} of ${table}; the daemon carries it out`;
}

const needsPair = (table: string): PgnotionError =>
  new PgnotionError({
    code: 'pair_not_named',
    message: `pages of ${table} that match several rows cannot be approved together`,
    remedy: `run ${commandOf('guarded pair', table, 'KEY', 'PAGE')} for each, or ${commandOf('guarded reject', table, '--kind', 'pairing')} to make them rows of their own`,
  });

const nothingGuarded = (table: string, key: string | null): PgnotionError =>
  new PgnotionError({
    code: 'no_guarded_change',
    message: `no change of ${table}${key === null ? '' : ` ${key}`} waits for a decision`,
    remedy: 'see `pgnotion guarded list`',
  });

export type ResolveChoice = {
  readonly keep?: 'postgres' | 'notion' | undefined;
  readonly value?: string | undefined;
};

/** Exactly one of the two. */
export function assertChoice({ keep, value }: ResolveChoice): void {
  if ((keep === undefined) === (value === undefined)) throw noChoice();
}

/** Throws `conflict_decided` if somebody was faster: their decision stands. */
export async function resolveNow(
  sql: Sql,
  tables: readonly ResolvedTable[],
  id: string,
  { keep, value, by }: ResolveChoice & { readonly by: string },
): Promise<string> {
  assertChoice({ keep, value });
  const line = await readConflict(sql, id);
  if (line === null) throw unknownConflict(id);
  const choice = keep === undefined ? { value: chosenValue(tables, line, value ?? '') } : { keep };
  const { accepted, message } = await resolveConflict(sql, line.id, choice, by);
  if (!accepted) throw alreadyDecided(message);
  return message;
}

/** Checks a value before anybody is told to carry it out; PostgreSQL has the last word all the same. */
function chosenValue(tables: readonly ResolvedTable[], line: ConflictLine, json: string): string {
  const field = tables
    .find(({ name }) => name === line.table_name)
    ?.fields.find(({ property }) => property === line.fields[0]);
  if (field === undefined) throw noValue(line);
  const chosen = chosenText(json, field, lookupsOver({ pairs: [], users: new Map() }));
  if (chosen.kind !== 'refused') return json;
  throw new PgnotionError({
    code: 'conflict_value_invalid',
    message: chosen.fault.message,
    remedy: isJson(json)
      ? `give ${typeText(field.shape)}, as JSON`
      : `quote a text twice: --value '"${json}"'`,
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const noValue = ({ id }: ConflictLine): PgnotionError =>
  new PgnotionError({
    code: 'conflict_value_invalid',
    message: `conflict ${id} is of a whole record, or of a field that is no longer mapped`,
    remedy: `use --keep postgres or --keep notion`,
  });

const noChoice = (): PgnotionError =>
  new PgnotionError({
    code: 'conflict_choice_missing',
    message: 'nothing says how the conflict is to be resolved',
    remedy: 'add either --keep postgres, --keep notion or --value JSON',
  });

export const unknownConflict = (id: string): PgnotionError =>
  new PgnotionError({
    code: 'conflict_unknown',
    message: `there is no conflict ${id}`,
    remedy: 'see `pgnotion conflicts list`, or `pgnotion conflicts list --all` for those that are over',
  });

const alreadyDecided = (message: string): PgnotionError =>
  new PgnotionError({
    code: 'conflict_decided',
    message,
    remedy: 'nothing to do; to change the value now, edit it on either side',
  });
