import type { Fault } from '../model/errors.ts';
import { type NamedNow, NOTHING_KNOWN } from '../model/known-columns.ts';
import type { TableMapping } from '../model/mapping.ts';
import { namedNow } from '../postgres/former-columns.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Sql } from '../state/sql.ts';
import { readShapes } from '../state/table-shapes.ts';

/** What a table and columns are called now that faults say are not there; asked only if any of them does. */
export async function namesFor(
  sql: Sql,
  db: Queryable,
  { name, source }: Pick<TableMapping, 'name' | 'source'>,
  faults: readonly Fault[],
): Promise<NamedNow> {
  const isMissing = ({ path, drift }: Fault): boolean =>
    drift === 'table_missing' || (drift === undefined && path.startsWith(`${source}.`));
  if (!faults.some(isMissing)) return NOTHING_KNOWN;
  const known = (await readShapes(sql)).get(name)?.columns ?? {};
  return namedNow(db, source, known);
}
