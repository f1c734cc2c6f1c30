import type { PublicationFingerprint, TableFingerprint } from '../model/publication-fingerprint.ts';
import { membershipFault } from '../model/publishable.ts';
import type { WantedTable } from '../model/publishing.ts';
import type { Queryable } from './pool.ts';
import { type PublicationFacts, readPublication } from './publication-facts.ts';

/** The seal of a publication, as far as these tables go. Any role may ask. */
export async function publicationFingerprint(
  db: Queryable,
  name: string,
  tables: readonly WantedTable[],
): Promise<PublicationFingerprint> {
  const facts = await readPublication(db, name, tables);
  return {
    made: facts.state?.made ?? null,
    tables: Object.fromEntries(tables.map((table) => [table.name, fingerprintOf(facts, table)])),
  };
}

/** Null for a table that is not published as it is wanted. */
export function fingerprintOf(
  { tables, state }: Pick<PublicationFacts, 'tables' | 'state'>,
  table: WantedTable,
): TableFingerprint | null {
  const facts = tables.get(table.name);
  if (facts === undefined || state?.complete !== true || membershipFault(table, facts) !== null) return null;
  const read = (column: string): boolean =>
    table.readsMore || table.columns.includes(column) || table.identifiedBy.includes(column);
  return {
    mark: facts.mark,
    columns: Object.fromEntries(Object.entries(facts.columns).filter(([column]) => read(column))),
  };
}
