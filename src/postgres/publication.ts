import pg from 'pg';
import { type Fault, PgnotionError } from '../model/errors.ts';
import { type QualifiedName, splitQualified } from '../model/ids.ts';
import { membershipFault, publishFaults } from '../model/publishable.ts';
import type { WantedTable } from '../model/publishing.ts';
import { type Queryable, quoteQualified } from './pool.ts';
import { type ChangePublication, changesOn } from './publication-change.ts';
import type { PublicationFacts } from './publication-facts.ts';

/** What was changed; all empty if the publication was as it should be. */
type PublicationChange = {
  readonly created: boolean;
  readonly added: readonly QualifiedName[];
  readonly removed: readonly QualifiedName[];
  /** Whether any statement was run. */
  readonly touched: boolean;
  /** Tables that could not be published or taken out, because this role may not, or because of another's lock. */
  readonly faults: readonly Fault[];
};

const GENERATED_FROM = 180_000;
const optionsOf = ({ versionNumber }: PublicationFacts): string =>
  [
    "publish = 'insert, update, delete, truncate'",
    'publish_via_partition_root = true',
    ...(versionNumber >= GENERATED_FROM ? ['publish_generated_columns = stored'] : []),
  ].join(', ');

/** What speaks against publishing each of these tables. */
export function faultsOf(facts: PublicationFacts, tables: readonly WantedTable[]): readonly Fault[] {
  const wanted = new Set(tables.map(({ name }) => name));
  return tables.flatMap((table) => publishFaults(table, facts.tables.get(table.name), { ...facts, wanted }));
}

/** A publication that carries pgnotion's own tables would make each of its writes an event that it writes about. */
export function unfitPublication({ publication, state }: PublicationFacts): PgnotionError | null {
  if (state === null || !state.ownState) return null;
  const name = pg.escapeIdentifier(publication);
  return new PgnotionError({
    code: 'publication_unfit',
    message: state.allTables
      ? `the publication ${publication} is FOR ALL TABLES: it publishes pgnotion's own tables too, and makes UPDATE and DELETE fail on every table without a key`
      : `the publication ${publication} publishes the tables of the schema pgnotion, which must stay out of the log`,
    remedy: state.allTables
      ? `stop pgnotion and run DROP PUBLICATION ${name}; pgnotion makes one of its own at the next start. If somebody else needs it, set another publication in the configuration`
      : `as its owner: ALTER PUBLICATION ${name} DROP TABLES IN SCHEMA pgnotion;`,
  });
}

/**
 * Brings the publication to what is wanted of it. Tables with a fault are left out, or taken out. Throws PgnotionError
 * `publication_unfit`.
 */
export async function mendPublication(
  db: Queryable,
  facts: PublicationFacts,
  tables: readonly WantedTable[],
  change: ChangePublication = changesOn(db),
): Promise<PublicationChange> {
  const unfit = unfitPublication(facts);
  if (unfit !== null) throw unfit;
  const refused = new Set(faultsOf(facts, tables).map(({ path }) => path));
  const fit = tables.filter(({ name }) => !refused.has(name));
  if (facts.state === null) return create(change, facts, fit);
  const faults: Fault[] = [];
  let touched = false;
  const tryTo = async (sql: string, names: readonly QualifiedName[]): Promise<boolean> => {
    touched = true;
    const fault = await change(sql);
    if (fault !== null)
      faults.push(...names.map((path) => ({ path, message: fault.message, remedy: fault.remedy })));
    return fault === null;
  };
  const publication = pg.escapeIdentifier(facts.publication);
  if (!facts.state.complete || (facts.generated && !facts.state.generated))
    await tryTo(
      `alter publication ${publication} set (${optionsOf(facts)})`,
      fit.map(({ name }) => name),
    );
  // A publication that somebody else owns may serve other subscribers too.
  const wanted = new Set(fit.map(({ name }) => name));
  const removed = facts.state.owned ? facts.state.members.filter((name) => !wanted.has(name)) : [];
  for (const name of removed)
    await tryTo(`alter publication ${publication} drop table only ${quoteQualified(name)}`, [name]);
  if (!facts.state.owned) faults.push(...stillPublished(facts, tables, refused));
  const added: QualifiedName[] = [];
  for (const table of fit) {
    const found = facts.tables.get(table.name);
    const lack = found === undefined ? null : membershipFault(table, found);
    if (lack === null) continue;
    const name = quoteQualified(table.name);
    const add = `alter publication ${publication} add table only ${name}`;
    const anew = `alter publication ${publication} drop table only ${name}; ${add}`;
    if (await tryTo(lack === 'absent' ? add : anew, [table.name])) added.push(table.name);
  }
  return { created: false, added, removed, touched, faults };
}

/** What only the publication's owner can take out of it. */
const stillPublished = (
  facts: PublicationFacts,
  tables: readonly WantedTable[],
  refused: ReadonlySet<string>,
): Fault[] =>
  tables.flatMap(({ name: path }) => {
    const found = facts.tables.get(path);
    if (!refused.has(path) || found === undefined || (found.membership === null && !found.covered)) return [];
    const publication = pg.escapeIdentifier(facts.publication);
    const remedy =
      found.membership === null
        ? `as its owner: ALTER PUBLICATION ${publication} DROP TABLES IN SCHEMA ${pg.escapeIdentifier(splitQualified(path)[0])};`
        : `as its owner: ALTER PUBLICATION ${publication} DROP TABLE ONLY ${quoteQualified(path)};`;
    return [{ path, message: `it is still in the publication, which this role may not change`, remedy }];
  });

/** Gives why it cannot be dropped, or null. */
export const dropPublication = (change: ChangePublication, name: string): ReturnType<ChangePublication> =>
  change(`drop publication if exists ${pg.escapeIdentifier(name)}`);

async function create(
  change: ChangePublication,
  facts: PublicationFacts,
  tables: readonly WantedTable[],
): Promise<PublicationChange> {
  const names = tables.map(({ name }) => name);
  const list = names.map((name) => `only ${quoteQualified(name)}`).join(', ');
  const what = names.length === 0 ? '' : ` for table ${list}`;
  const fault = await change(
    `create publication ${pg.escapeIdentifier(facts.publication)}${what} with (${optionsOf(facts)})`,
  );
  if (fault !== null)
    throw new PgnotionError({
      code: 'publication_privilege',
      message: fault.message,
      remedy: fault.remedy,
      retryable: !fault.lasting,
    });
  return { created: true, added: names, removed: [], touched: true, faults: [] };
}
