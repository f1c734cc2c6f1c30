import type { RowImage } from '../model/change.ts';
import type { Lookups } from '../model/codecs/codec.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { lookupsJoined, lookupsOver } from '../model/page.ts';
import { targetsOf } from '../model/plan.ts';
import { lacking, type Pair, pairsOfReferences, recordsOf } from '../model/references.ts';
import { findReferences } from '../postgres/references.ts';
import { pagesOf } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import type { SyncContext } from './context.ts';

type Ends = Pick<SyncContext, 'db' | 'tables'> & { readonly sql: Sql };
type Related = Pick<ReturnType<typeof pairsOfReferences>, 'targets'> & { readonly pairs: readonly Pair[] };

/** Look-ups that find nothing: encoding with them shows which records a row points to. */
const NO_LOOKUPS = lookupsOver({ pairs: [], users: new Map() });

/** Look-ups for encoding these rows: the pages that their relations point to, and the workspace's people. */
export async function lookupsFor(
  { db, tables, store, people }: Pick<SyncContext, 'db' | 'tables' | 'store' | 'people'>,
  table: ResolvedTable,
  rows: readonly RowImage[],
): Promise<Lookups> {
  const related = await relatedTo({ db, tables, sql: store }, table, rows);
  const users = table.fields.some((field) => field.type === 'people') ? await people.byEmail() : new Map();
  return lookupsOver({ ...related, users });
}

/** The same look-ups with the pages that these rows point to: what a set has in common with another needs both. */
export async function lookupsWithRows(
  ends: Ends,
  lookups: Lookups,
  table: ResolvedTable,
  rows: readonly RowImage[],
): Promise<Lookups> {
  const related = await relatedTo(ends, table, rows);
  return lookupsJoined(lookups, related);
}

/** In one query; what has no page by the name that the row gives it is asked of PostgreSQL. */
async function relatedTo(
  { db, tables, sql }: Ends,
  table: ResolvedTable,
  rows: readonly RowImage[],
): Promise<Related> {
  const targets = rows.flatMap((row) => targetsOf(table, row, NO_LOOKUPS));
  const known = await pagesOf(
    sql,
    targets.filter(({ by }) => by === undefined),
  );
  const references = await findReferences(db, tables, lacking(targets, known));
  const found = pairsOfReferences(references, await pagesOf(sql, recordsOf(references)));
  return { pairs: [...found.pairs, ...known], targets: found.targets };
}
