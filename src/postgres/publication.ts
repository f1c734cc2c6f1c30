import pg from 'pg';
import { type Fault, messageOf, PgnotionError } from '../model/errors.ts';
import { type QualifiedName, qualifiedName } from '../model/ids.ts';
import { errorCode, faultsError, type Queryable, quoteQualified, splitQualified } from './pool.ts';

/** What was changed; all empty if the publication was as it should be. */
export type PublicationChange = {
  readonly created: boolean;
  readonly added: readonly QualifiedName[];
  readonly removed: readonly QualifiedName[];
};

type Publication = {
  readonly all_tables: boolean;
  /** Whether our role owns it: only then are tables removed. */
  readonly owned: boolean;
  /** Whether it publishes all four kinds of change, under the root's name. */
  readonly complete: boolean;
  readonly tables: readonly (readonly [schema: string, relation: string])[];
};

const OPTIONS = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true";

const INSPECT = `
  SELECT json_build_object(
    'all_tables', p.puballtables,
    'owned', pg_has_role(p.pubowner, 'USAGE'),
    'complete', p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AND p.pubviaroot,
    'tables', (SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname)), '[]')
      FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE r.prpubid = p.oid))::text AS publication
  FROM pg_publication p WHERE p.pubname = $1`;

/**
 * Makes the publication, or adds and removes tables until it has the wanted ones. A table whose UPDATE and
 * DELETE would begin to fail is refused before anything is changed. Throws PgnotionError `replica_identity`,
 * `unknown_table` or `publication_privilege`.
 */
export async function ensurePublication(
  db: Queryable,
  wanted: { readonly name: string; readonly tables: readonly QualifiedName[] },
): Promise<PublicationChange> {
  await assertIdentities(db, wanted.tables);
  const present = await inspectPublication(db, wanted.name);
  const { statements, change } = plan(wanted.name, wanted.tables, present);
  for (const statement of statements) await execute(db, statement);
  return change;
}

async function inspectPublication(db: Queryable, name: string): Promise<Publication | null> {
  const { rows } = await db.query<{ publication: string }>(INSPECT, [name]);
  return rows[0] ? (JSON.parse(rows[0].publication) as Publication) : null;
}

function plan(
  name: string,
  tables: readonly QualifiedName[],
  present: Publication | null,
): { readonly statements: readonly string[]; readonly change: PublicationChange } {
  const publication = pg.escapeIdentifier(name);
  const list = (names: readonly QualifiedName[]): string => names.map(quoteQualified).join(', ');
  if (present === null) {
    const statement = `CREATE PUBLICATION ${publication} FOR TABLE ${list(tables)} WITH (${OPTIONS})`;
    return { statements: [statement], change: { created: true, added: tables, removed: [] } };
  }
  const has = new Set(present.tables.map(([schema, relation]) => qualifiedName(schema, relation)));
  const added = present.all_tables ? [] : tables.filter((table) => !has.has(table));
  // A publication that somebody else owns may serve other subscribers too.
  const removed = present.owned ? [...has].filter((table) => !tables.includes(table)) : [];
  const statements = [
    ...(present.complete ? [] : [`ALTER PUBLICATION ${publication} SET (${OPTIONS})`]),
    ...(added.length === 0 ? [] : [`ALTER PUBLICATION ${publication} ADD TABLE ${list(added)}`]),
    ...(removed.length === 0 ? [] : [`ALTER PUBLICATION ${publication} DROP TABLE ${list(removed)}`]),
  ];
  return { statements, change: { created: false, added, removed } };
}

async function execute(db: Queryable, sql: string): Promise<void> {
  try {
    await db.query(sql);
  } catch (error) {
    if (errorCode(error) !== '42501') throw error;
    const { rows } = await db.query<{ role: string; database: string }>(
      'SELECT quote_ident(current_user) AS role, quote_ident(current_database()) AS database',
    );
    const [place] = rows;
    throw new PgnotionError({
      code: 'publication_privilege',
      message: `The publication cannot be changed by this role: ${messageOf(error)}`,
      remedy: `Only the owner of the tables may publish them. Let that role (or a superuser) run:\n  ${sql};\nand start again. If ${place?.role} owns the tables: GRANT CREATE ON DATABASE ${place?.database} TO ${place?.role};`,
      cause: error,
    });
  }
}

/**
 * Each partition is checked, since it is there that rows are changed. `identity` tells whether an UPDATE can
 * still be logged once the table is published.
 */
const IDENTITIES = `
  SELECT w.schema, w.relation, t.oid IS NOT NULL AS found,
    CASE WHEN leaf.oid <> t.oid THEN leaf.oid::regclass::text END AS part,
    leaf.relreplident = 'f' OR EXISTS (
      SELECT FROM pg_index i WHERE i.indrelid = leaf.oid AND i.indisvalid
      AND CASE leaf.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END) AS identity
  FROM unnest($1::text[], $2::text[]) AS w (schema, relation)
  LEFT JOIN (pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace AND t.relkind IN ('r', 'p'))
    ON n.nspname = w.schema AND t.relname = w.relation
  LEFT JOIN LATERAL (
    SELECT c.* FROM pg_class c WHERE c.oid = t.oid AND t.relkind = 'r'
    UNION ALL
    SELECT c.* FROM pg_partition_tree(t.oid) p JOIN pg_class c ON c.oid = p.relid WHERE p.isleaf AND t.relkind = 'p'
  ) leaf ON true`;

type IdentityRow = {
  readonly schema: string;
  readonly relation: string;
  readonly found: string;
  readonly part: string | null;
  readonly identity: string | null;
};

async function assertIdentities(db: Queryable, tables: readonly QualifiedName[]): Promise<void> {
  const parts = tables.map(splitQualified);
  const { rows } = await db.query<IdentityRow>(
    `SELECT schema, relation, found::text, part, identity::text FROM (${IDENTITIES}) AS checked`,
    [parts.map(([schema]) => schema), parts.map(([, relation]) => relation)],
  );
  const faults = rows.map(identityFault).filter((fault) => fault !== null);
  if (faults.length === 0) return;
  const unknown = rows.some((row) => row.found !== 'true');
  throw faultsError(
    unknown ? 'unknown_table' : 'replica_identity',
    'These tables cannot be published:',
    faults,
  );
}

function identityFault(row: IdentityRow): Fault | null {
  const table = qualifiedName(row.schema, row.relation);
  if (row.found !== 'true') {
    const remedy = 'Check the name (schema.table) in the configuration; views cannot be published.';
    return { path: table, message: 'there is no such table', remedy };
  }
  if (row.identity === null || row.identity === 'true') return null;
  const target = row.part ?? quoteQualified(table);
  return {
    path: table,
    message: `${row.part ?? 'it'} has neither a primary key nor another replica identity: once it is published, every UPDATE and DELETE on it would fail`,
    remedy: `Give it a primary key (ALTER TABLE ${target} ADD PRIMARY KEY (...)), or, if it has one: ALTER TABLE ${target} REPLICA IDENTITY DEFAULT;`,
  };
}
