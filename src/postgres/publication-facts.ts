import { type QualifiedName, qualifiedName, splitQualified } from '../model/ids.ts';
import type { MembershipFacts, PartFacts, Publishing, TableFacts, WantedTable } from '../model/publishing.ts';
import type { Queryable } from './pool.ts';

export type PublicationState = {
  /** Its oid: another one of the same name has another. */
  readonly made: string;
  /** Differs after each change of what kinds it publishes. */
  readonly mark: string;
  /** Whether our role owns it: only then can it be changed. */
  readonly owned: boolean;
  readonly allTables: boolean;
  /** Whether it publishes all four kinds of change, under the root's name. */
  readonly complete: boolean;
  /** Whether it publishes stored generated columns. */
  readonly generated: boolean;
  /** Whether it publishes the tables of the schema pgnotion. */
  readonly ownState: boolean;
  /** The tables that it names. */
  readonly members: readonly QualifiedName[];
};

export type TableState = TableFacts & {
  /**
   * Differs once changes may be missing from the log, or stand there under another name, though the table is published
   * again since: it was another table, was renamed or moved, was rewritten, or its partitions were other ones.
   */
  readonly mark: string;
  /** Number and type of each column. */
  readonly columns: Readonly<Record<string, string>>;
};

export type PublicationFacts = Omit<Publishing, 'wanted'> & {
  /** Null if there is none. */
  readonly state: PublicationState | null;
  /** Of those wanted tables that there are. */
  readonly tables: ReadonlyMap<QualifiedName, TableState>;
};

const GENERATED_FROM = 180_000;
const SCHEMAS_FROM = 150_000;

const COLUMN_NAMES = (relation: string, numbers: string): string => `
  (SELECT coalesce(jsonb_agg(a.attname ORDER BY k.place), '[]')
   FROM unnest(${numbers}::int2[]) WITH ORDINALITY AS k (number, place)
   JOIN pg_attribute a ON a.attrelid = ${relation} AND a.attnum = k.number)`;

const KEY_COLUMNS = COLUMN_NAMES('i.indrelid', '(i.indkey::int2[])[0:i.indnkeyatts - 1]');

const QUOTED = (relation: string): string => `
  (SELECT format('%I.%I', qn.nspname, q.relname) FROM pg_class q JOIN pg_namespace qn ON qn.oid = q.relnamespace
   WHERE q.oid = ${relation})`;

const INDEX = (condition: string): string => `
  (SELECT jsonb_build_object('name', ${QUOTED('i.indexrelid')}, 'columns', ${KEY_COLUMNS},
     'valid', i.indisvalid AND i.indislive AND i.indpred IS NULL, 'immediate', i.indimmediate)
   FROM pg_index i WHERE i.indrelid = x.oid AND ${condition})`;

const GENERATED = (kind: string): string => `
  (SELECT coalesce(jsonb_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a
   WHERE a.attrelid = x.oid AND a.attgenerated = '${kind}' AND NOT a.attisdropped)`;

/** What inherits from `c`, by whatever number of steps. `pg_partition_tree` would wait for whoever alters a partition. */
const BELOW = (kind: string): string => `
  (WITH RECURSIVE down AS (
    SELECT h.inhrelid FROM pg_inherits h WHERE h.inhparent = c.oid AND c.relkind = '${kind}'
    UNION SELECT h.inhrelid FROM pg_inherits h JOIN down ON h.inhparent = down.inhrelid)
   SELECT inhrelid FROM down)`;

/** Where the rows are: the table itself, or its partitions. */
const LEAVES = `
  (SELECT c.oid AS inhrelid UNION ALL SELECT inhrelid FROM ${BELOW('p')} AS below) AS leaf
  JOIN pg_class x ON x.oid = leaf.inhrelid WHERE x.relkind <> 'p'`;

/** Of a wanted table `c` in the schema `n`, as the publication `p` (which may be missing) has it. */
const tableFacts = (version: number): string => `
  jsonb_build_object(
    'quoted', format('%I.%I', n.nspname, c.relname), 'kind', c.relkind, 'persistence', c.relpersistence,
    'rowSecurity', row_security_active(c.oid), 'owned', pg_has_role(c.relowner, 'USAGE'),
    'owner', (SELECT quote_ident(rolname) FROM pg_roles WHERE oid = c.relowner),
    'parts', (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'name', ${QUOTED('x.oid')}, 'kind', x.relkind, 'persistence', x.relpersistence, 'identity', x.relreplident,
        'primary', ${INDEX('i.indisprimary')}, 'chosen', ${INDEX("i.indisreplident AND x.relreplident = 'i'")},
        'stored', ${GENERATED('s')}, 'virtual', ${GENERATED('v')}) ORDER BY x.oid), '[]') FROM ${LEAVES}),
    'heirs', (SELECT coalesce(jsonb_agg(${QUOTED('x.oid')} ORDER BY x.oid), '[]')
      FROM ${BELOW('r')} AS heir JOIN pg_class x ON x.oid = heir.inhrelid WHERE x.relpersistence <> 't'),
    'ancestors', (SELECT coalesce(jsonb_agg(jsonb_build_array(an.nspname, a.relname)), '[]')
      FROM pg_partition_ancestors(c.oid) r JOIN pg_class a ON a.oid = r.relid
      JOIN pg_namespace an ON an.oid = a.relnamespace WHERE a.oid <> c.oid),
    'uniqueKeys', (SELECT coalesce(jsonb_agg(${KEY_COLUMNS}), '[]') FROM pg_index i
      WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
        AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attnotnull
          AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))),
    'membership', CASE WHEN m.oid IS NOT NULL THEN jsonb_build_object(${membership(version)}) END,
    'covered', coalesce(p.puballtables, false) OR ${coveredBySchema(version, 'n.oid')},
    'columns', (SELECT coalesce(jsonb_object_agg(a.attname, a.attnum || '/' || a.atttypid), '{}') FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'mark', md5(concat_ws('/', c.oid, n.oid, n.xmin, (SELECT y.xmin FROM pg_type y WHERE y.oid = c.reltype),
      p.oid, p.xmin, coalesce(m.oid || '.' || m.xmin, 'covered'),
      (SELECT string_agg(x.oid || '.' || x.relfilenode, ',' ORDER BY x.oid) FROM ${LEAVES}),
      (SELECT string_agg(d.oid || '.' || d.xmin, ',' ORDER BY d.oid) FROM pg_attrdef d JOIN pg_attribute a
        ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = c.oid AND a.attgenerated = 'v'))))`;

const membership = (version: number): string =>
  version >= SCHEMAS_FROM
    ? `'filtered', m.prqual IS NOT NULL,
       'columns', CASE WHEN m.prattrs IS NOT NULL THEN ${COLUMN_NAMES('c.oid', 'm.prattrs')} END`
    : `'filtered', false, 'columns', null`;

const coveredBySchema = (version: number, namespace: string): string =>
  version >= SCHEMAS_FROM
    ? `EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid AND s.pnnspid = ${namespace})`
    : 'false';

const facts = (version: number): string => `
  SELECT jsonb_build_object(
    'role', quote_ident(current_user),
    'state', (SELECT jsonb_build_object('made', p.oid::text, 'mark', p.xmin::text,
        'owned', pg_has_role(p.pubowner, 'USAGE'), 'allTables', p.puballtables,
        'complete', p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AND p.pubviaroot,
        'generated', coalesce(to_jsonb(p) ->> 'pubgencols' = 's', false),
        'ownState', p.puballtables
          OR EXISTS (SELECT FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid
            WHERE r.prpubid = p.oid AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'pgnotion'))
          OR ${coveredBySchema(version, "(SELECT oid FROM pg_namespace WHERE nspname = 'pgnotion')")},
        'members', (SELECT coalesce(jsonb_agg(jsonb_build_array(n.nspname, c.relname) ORDER BY c.oid), '[]')
          FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE r.prpubid = p.oid))
      FROM pg_publication p WHERE p.pubname = $1),
    'tables', (SELECT coalesce(jsonb_agg(jsonb_build_array(w.name, ${tableFacts(version)})), '[]')
      FROM unnest($2::text[], $3::text[], $4::text[]) AS w (name, schema, relation)
      JOIN pg_namespace n ON n.nspname = w.schema
      JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.relation AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      LEFT JOIN pg_publication p ON p.pubname = $1
      LEFT JOIN pg_publication_rel m ON m.prpubid = p.oid AND m.prrelid = c.oid))::text AS facts`;

type Name = readonly [schema: string, relation: string];
type Answer = {
  readonly role: string;
  readonly state: (Omit<PublicationState, 'members'> & { readonly members: readonly Name[] }) | null;
  readonly tables: readonly (readonly [
    QualifiedName,
    Omit<TableState, 'ancestors' | 'parts' | 'membership'> & {
      readonly ancestors: readonly Name[];
      readonly parts: readonly PartFacts[];
      readonly membership: MembershipFacts | null;
    },
  ])[];
};

/** What the catalog says of the publication and of the tables that it has to publish. Any role may ask. */
export async function readPublication(
  db: Queryable,
  publication: string,
  wanted: readonly Pick<WantedTable, 'name'>[],
): Promise<PublicationFacts> {
  const { rows: about } = await db.query<{ version: string }>(
    `SELECT current_setting('server_version_num') AS version`,
  );
  const versionNumber = Number(about[0]?.version);
  const names = wanted.map(({ name }) => name);
  const parts = names.map(splitQualified);
  const columns = [names, parts.map(([schema]) => schema), parts.map(([, relation]) => relation)];
  const { rows } = await db.query<{ facts: string }>(facts(versionNumber), [publication, ...columns]);
  const { role, state, tables } = JSON.parse(rows[0]?.facts ?? '') as Answer;
  const canBe = state === null || state.generated || state.owned;
  return {
    publication,
    versionNumber,
    role,
    generated: versionNumber >= GENERATED_FROM && canBe,
    state: state && { ...state, members: state.members.map((name) => qualifiedName(...name)) },
    tables: new Map(
      tables.map(([name, table]) => [
        name,
        { ...table, ancestors: table.ancestors.map((each) => qualifiedName(...each)) },
      ]),
    ),
  };
}
