import { decideWaiting, pairNow } from '../app/operator.ts';
import { failureSentence } from '../model/failure-sentence.ts';
import type { ListedKind } from '../model/mass-change.ts';
import { sentences } from '../model/sentences.ts';
import { type GuardedChange, readGuardedChanges } from '../state/guarded-changes.ts';
import { type Loaded, withState } from './commands.ts';
import { notedState } from './noted.ts';
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

export const decideGuardedCommand = (
  loaded: Loaded,
  decision: 'approve' | 'reject',
  { table, key, kind, field }: GuardedOptions & { readonly table: string; readonly key: string | null },
): Promise<string> =>
  notedState(loaded, { action: decision, input: { table, key: key ?? undefined, kind, field } }, (sql) =>
    decideWaiting(sql, decision, { table, key, kind: kind ?? null, field: field ?? null }),
  );

/** Makes a page without a key the page of a row that it matches. */
export const pairCommand = (
  loaded: Loaded,
  pair: { readonly table: string; readonly key: string; readonly page: string },
): Promise<string> =>
  notedState(loaded, { action: 'pair', input: pair }, (sql) => pairNow(sql, loaded.config, pair));
