import { type QualifiedName, qualifiedName, splitQualified } from '../model/ids.ts';
import type { MembershipFacts, PartFacts, Publishing, TableFacts, WantedTable } from '../model/publishing.ts';
import type { Queryable } from './pool.ts';

type PublicationState = {
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

type TableState = TableFacts & {
  /**
   * Differs once changes may be missing from the log, or stand there under another name, though the table is published
   * again since: it was another table, was renamed or moved, was rewritten, or its partitions were other ones.
   */
  readonly mark: string;
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
  (select coalesce(jsonb_agg(a.attname order by k.place), '[]')
   from unnest(${numbers}::int2[]) with ordinality as k (number, place)
   join pg_attribute a on a.attrelid = ${relation} and a.attnum = k.number)`;

const KEY_COLUMNS = COLUMN_NAMES('i.indrelid', '(i.indkey::int2[])[0:i.indnkeyatts - 1]');

const QUOTED = (relation: string): string => `
  (select format('%I.%I', qn.nspname, q.relname) from pg_class q join pg_namespace qn on qn.oid = q.relnamespace
   where q.oid = ${relation})`;

const INDEX = (condition: string): string => `
  (select jsonb_build_object('name', ${QUOTED('i.indexrelid')}, 'columns', ${KEY_COLUMNS},
     'valid', i.indisvalid and i.indislive and i.indpred is null, 'immediate', i.indimmediate)
   from pg_index i where i.indrelid = x.oid and ${condition})`;

const GENERATED = (kind: string): string => `
  (select coalesce(jsonb_agg(a.attname order by a.attnum), '[]') from pg_attribute a
   where a.attrelid = x.oid and a.attgenerated = '${kind}' and not a.attisdropped)`;

/** What inherits from `c`, by whatever number of steps. `pg_partition_tree` would wait for whoever alters a partition. */
const BELOW = (kind: string): string => `
  (with recursive down as (
    select h.inhrelid from pg_inherits h where h.inhparent = c.oid and c.relkind = '${kind}'
    union select h.inhrelid from pg_inherits h join down on h.inhparent = down.inhrelid)
   select inhrelid from down)`;

/** Where the rows are: the table itself, or its partitions. */
const LEAVES = `
  (select c.oid as inhrelid union all select inhrelid from ${BELOW('p')} as below) as leaf
  join pg_class x on x.oid = leaf.inhrelid where x.relkind <> 'p'`;

/** Of a wanted table `c` in the schema `n`, as the publication `p` (which may be missing) has it. */
const tableFacts = (version: number): string => `
  jsonb_build_object(
    'quoted', format('%I.%I', n.nspname, c.relname), 'kind', c.relkind, 'persistence', c.relpersistence,
    'rowSecurity', row_security_active(c.oid), 'owned', pg_has_role(c.relowner, 'USAGE'),
    'owner', (select quote_ident(rolname) from pg_roles where oid = c.relowner),
    'parts', (select coalesce(jsonb_agg(jsonb_build_object(
        'name', ${QUOTED('x.oid')}, 'kind', x.relkind, 'persistence', x.relpersistence, 'identity', x.relreplident,
        'primary', ${INDEX('i.indisprimary')}, 'chosen', ${INDEX("i.indisreplident and x.relreplident = 'i'")},
        'stored', ${GENERATED('s')}, 'virtual', ${GENERATED('v')}) order by x.oid), '[]') from ${LEAVES}),
    'heirs', (select coalesce(jsonb_agg(${QUOTED('x.oid')} order by x.oid), '[]')
      from ${BELOW('r')} as heir join pg_class x on x.oid = heir.inhrelid where x.relpersistence <> 't'),
    'ancestors', (select coalesce(jsonb_agg(jsonb_build_array(an.nspname, a.relname)), '[]')
      from pg_partition_ancestors(c.oid) r join pg_class a on a.oid = r.relid
      join pg_namespace an on an.oid = a.relnamespace where a.oid <> c.oid),
    'uniqueKeys', (select coalesce(jsonb_agg(${KEY_COLUMNS}), '[]') from pg_index i
      where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
        and not exists (select from pg_attribute a where a.attrelid = c.oid and not a.attnotnull
          and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1]))),
    'membership', case when m.oid is not null then jsonb_build_object(${membership(version)}) end,
    'covered', coalesce(p.puballtables, false) or ${coveredBySchema(version, 'n.oid')},
    'columns', (select coalesce(jsonb_object_agg(a.attname, a.attnum || '/' || a.atttypid), '{}') from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    'mark', md5(concat_ws('/', c.oid, n.oid, n.xmin, (select y.xmin from pg_type y where y.oid = c.reltype),
      p.oid, p.xmin, coalesce(m.oid || '.' || m.xmin, 'covered'),
      (select string_agg(x.oid || '.' || x.relfilenode, ',' order by x.oid) from ${LEAVES}),
      (select string_agg(d.oid || '.' || d.xmin, ',' order by d.oid) from pg_attrdef d join pg_attribute a
        on a.attrelid = d.adrelid and a.attnum = d.adnum where d.adrelid = c.oid and a.attgenerated = 'v'))))`;

const membership = (version: number): string =>
  version >= SCHEMAS_FROM
    ? `'filtered', m.prqual is not null,
       'columns', case when m.prattrs is not null then ${COLUMN_NAMES('c.oid', 'm.prattrs')} end`
    : `'filtered', false, 'columns', null`;

const coveredBySchema = (version: number, namespace: string): string =>
  version >= SCHEMAS_FROM
    ? `exists (select from pg_publication_namespace s where s.pnpubid = p.oid and s.pnnspid = ${namespace})`
    : 'false';

const facts = (version: number): string => `
  select jsonb_build_object(
    'role', quote_ident(current_user),
    'state', (select jsonb_build_object('made', p.oid::text, 'mark', p.xmin::text,
        'owned', pg_has_role(p.pubowner, 'USAGE'), 'allTables', p.puballtables,
        'complete', p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate and p.pubviaroot,
        'generated', coalesce(to_jsonb(p) ->> 'pubgencols' = 's', false),
        'ownState', p.puballtables
          or exists (select from pg_publication_rel r join pg_class c on c.oid = r.prrelid
            where r.prpubid = p.oid and c.relnamespace = (select oid from pg_namespace where nspname = 'pgnotion'))
          or ${coveredBySchema(version, "(select oid from pg_namespace where nspname = 'pgnotion')")},
        'members', (select coalesce(jsonb_agg(jsonb_build_array(n.nspname, c.relname) order by c.oid), '[]')
          from pg_publication_rel r join pg_class c on c.oid = r.prrelid join pg_namespace n on n.oid = c.relnamespace
          where r.prpubid = p.oid))
      from pg_publication p where p.pubname = $1),
    'tables', (select coalesce(jsonb_agg(jsonb_build_array(w.name, ${tableFacts(version)})), '[]')
      from unnest($2::text[], $3::text[], $4::text[]) as w (name, schema, relation)
      join pg_namespace n on n.nspname = w.schema
      join pg_class c on c.relnamespace = n.oid and c.relname = w.relation and c.relkind in ('r', 'p', 'v', 'm', 'f')
      left join pg_publication p on p.pubname = $1
      left join pg_publication_rel m on m.prpubid = p.oid and m.prrelid = c.oid))::text as facts`;

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
    `select current_setting('server_version_num') as version`,
  );
  const versionNumber = Number(about[0]?.version);
  const names = wanted.map(({ name }) => name);
  const parts = names.map(splitQualified);
  const columns = [names, parts.map(([schema]) => schema), parts.map(([, relation]) => relation)];
  const { rows } = await db.query<{ facts: string }>(
    { name: `publication facts ${versionNumber}`, text: facts(versionNumber) },
    [publication, ...columns],
  );
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
