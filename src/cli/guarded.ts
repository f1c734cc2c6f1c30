import { commandOf } from '../model/command-line.ts';
import { PgnotionError } from '../model/errors.ts';
import { failureSentence } from '../model/failure-sentence.ts';
import type { ListedKind } from '../model/mass-change.ts';
import { notionIdIn } from '../model/notion-address.ts';
import { sentences } from '../model/sentences.ts';
import {
  decideGuarded,
  type GuardedChange,
  pairMatch,
  readGuardedChanges,
} from '../state/guarded-changes.ts';
import { type Loaded, withState } from './commands.ts';
import { formatTable } from './table.ts';

export type GuardedOptions = { readonly kind?: ListedKind; readonly field?: string };

/** The changes that wait for a person, each with what it would do, and why each mass of them is thought to have come. */
export function guardedCommand(loaded: Loaded, asJson: boolean): Promise<string> {
  return withState(loaded, async (sql) => {
    const rows = await readGuardedChanges(sql);
    if (asJson)
      return JSON.stringify(
        rows.map((row) => ({ ...row, effect: effectOf(row), sentence: sentenceOf(row) })),
        null,
        2,
      );
    if (rows.length === 0) return 'no change waits for a decision';
    const table = formatTable(
      ['table', 'key', 'kind', 'would', 'since'],
      rows.map((row) => [
        row.table_name,
        row.key ?? row.page_id ?? (row.changes > 1 ? `${row.changes} pages` : ''),
        row.kind,
        effectOf(row),
        row.since.toISOString(),
      ]),
    );
    const why = rows.map((row) => `${labelOf(row)}: ${sentenceOf(row)}`);
    return [table, ...new Set(why)].join('\n');
  });
}

/** Why it waits, and what is thought to be behind it. */
const sentenceOf = ({ reason, cause }: GuardedChange): string =>
  sentences(failureSentence({ shown: null, reason }), cause);

const labelOf = ({ table_name: table, kind, field }: GuardedChange): string =>
  [table, field ?? `(${kind})`].join(' ');

function effectOf({ kind, side, field }: GuardedChange): string {
  const page = side === 'to-notion';
  switch (kind) {
    case 'deletion':
      return page ? 'delete the page' : 'delete the row';
    case 'clearing':
      return `empty ${field ?? 'a property'} ${page ? 'of the page' : 'in the row'}`;
    case 'creation':
      return page ? 'create a page' : 'insert a row';
    case 'adoption':
      return 'give the page to the row of its key';
    case 'pairing':
      return 'join the page with a row, once `guarded pair` says which';
    default:
      return kind satisfies never;
  }
}

export function decideGuardedCommand(
  loaded: Loaded,
  decision: 'approve' | 'reject',
  { table, key, kind, field }: GuardedOptions & { readonly table: string; readonly key: string | null },
): Promise<string> {
  return withState(loaded, async (sql) => {
    const which = {
      table,
      key: key === null ? null : keyOrPage(key),
      kind: kind ?? null,
      field: field ?? null,
    };
    const count = await decideGuarded(sql, decision, which);
    if (count === 0 && decision === 'approve' && kind === 'pairing') throw needsPair(table);
    if (count === 0) throw nothingGuarded(table, key);
    return `${count} ${count === 1 ? 'change' : 'changes'} of ${table} ${decision === 'approve' ? 'approved' : 'rejected'}; the daemon carries it out`;
  });
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
export function pairCommand(
  loaded: Loaded,
  { table, key, page }: { readonly table: string; readonly key: string; readonly page: string },
): Promise<string> {
  return withState(loaded, async (sql) => {
    const id = notionIdIn(page, 'page');
    const known = loaded.config.tables.some(({ name }) => name === table);
    if (id === null || !known || !(await pairMatch(sql, { table, key, page: id })))
      throw new PgnotionError({
        code: 'no_such_pair',
        message: `the page ${page} does not wait to be joined with the row ${key} of ${table}`,
        remedy: 'see `pgnotion guarded list` for the pages that wait, each with the rows that it matches',
      });
    return `the page becomes the page of ${key} of ${table}; the daemon carries it out`;
  });
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
