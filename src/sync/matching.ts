import { type JudgedGroup, judgeMatch, type MatchGroup } from '../model/adoption.ts';
import type { PageId } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { findMatches } from '../postgres/match.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import { type MatchPage, unfreeRows } from '../state/matches.ts';
import type { Sql } from '../state/sql.ts';

/** What these pages without a key match. Pages whose values PostgreSQL cannot read are in no group. */
export async function judgeMatches(
  { db, sql }: { readonly db: UserDatabase; readonly sql: Sql },
  table: ResolvedTable,
  pages: readonly MatchPage[],
  taken: ReadonlySet<string> = new Set(),
): Promise<readonly JudgedGroup[]> {
  if (pages.length === 0) return [];
  const found = await findMatches(
    db,
    table,
    pages.map(({ values }) => values),
  );
  const keys = [...new Set(found.flatMap((each) => each.keys))];
  const known = await unfreeRows(sql, table.name, keys);
  return found.flatMap(({ places, keys: own }) => {
    const some = places.flatMap((place) => pages[place] ?? []);
    const group: MatchGroup = {
      pages: some.map(({ page }): PageId => page),
      rows: own
        .filter((key) => !known.apart.has(key))
        .map((key) => ({ key, taken: known.taken.has(key) || taken.has(key) })),
    };
    const verdict = judgeMatch(group);
    return verdict === null ? [] : [{ group, verdict, values: some[0]?.values ?? [] }];
  });
}
