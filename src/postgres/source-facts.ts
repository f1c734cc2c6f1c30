import pg from 'pg';
import type { Fault } from '../model/errors.ts';
import { type QualifiedName, qualifiedName, splitQualified } from '../model/ids.ts';
import { publishFaults, visibilityFaults } from '../model/publishable.ts';
import type { TableFacts, WantedTable } from '../model/publishing.ts';
import type { ColumnFacts, SourceFacts } from '../model/suggestion/facts.ts';
import { type CatalogColumn, describeTables } from './catalog.ts';
import { checkTable } from './catalog-checks.ts';
import type { TableRequest, TableRow } from './catalog-rows.ts';
import { foreignKeysOf } from './foreign-keys.ts';
import type { SourceListing } from './list-sources.ts';
import { type Queryable, quoteQualified } from './pool.ts';
import { type PublicationFacts, readPublication } from './publication-facts.ts';

/** What the mapping of a table does not need, and people do. */
type More = {
  readonly schema: string;
  readonly relation: string;
  readonly rowSecurity: boolean;
  readonly policies: readonly string[];
  readonly comments: Readonly<Record<string, string>>;
  readonly dimensions: Readonly<Record<string, number>>;
};

const MORE = `
  select coalesce(json_agg(json_build_object(
    'schema', n.nspname, 'relation', c.relname, 'rowSecurity', c.relrowsecurity,
    'policies', (select coalesce(json_agg(p.polname order by p.polname), '[]') from pg_policy p where p.polrelid = c.oid),
    'comments', (select coalesce(json_object_agg(a.attname, col_description(c.oid, a.attnum)), '{}') from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and col_description(c.oid, a.attnum) is not null),
    'dimensions', (select coalesce(json_object_agg(a.attname, a.attndims), '{}') from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attndims > 0))), '[]')::text as more
  from unnest($1::text[], $2::text[]) as w (schema, relation)
  join pg_namespace n on n.nspname = w.schema
  join pg_class c on c.relnamespace = n.oid and c.relname = w.relation`;

type Found = {
  readonly listing: SourceListing;
  readonly row: TableRow;
  readonly columns: readonly CatalogColumn[];
  readonly more: More | undefined;
  readonly publishing: PublicationFacts;
};

/** What the catalog says of these tables, and what `apply` and `start` would refuse them for. Any role may ask. */
export async function readSources(
  db: Queryable,
  listings: readonly SourceListing[],
  publication: string,
): Promise<readonly SourceFacts[]> {
  const names = listings.map(({ source }) => source);
  const described = await describeTables(db, names);
  const publishing = await readPublication(
    db,
    publication,
    names.map((name) => ({ name })),
  );
  const parts = names.map(splitQualified);
  const { rows } = await db.query<{ more: string }>(MORE, [
    parts.map(([schema]) => schema),
    parts.map(([, relation]) => relation),
  ]);
  const more = new Map(
    (JSON.parse(rows[0]?.more ?? '[]') as readonly More[]).map((each) => [
      qualifiedName(each.schema, each.relation),
      each,
    ]),
  );
  return listings.flatMap((listing) => {
    const found = described.get(listing.source);
    if (found === undefined) return [];
    const columns = [...found.table.columns.values()];
    return sourceOf({ listing, row: found.row, columns, more: more.get(listing.source), publishing });
  });
}

function sourceOf({ listing, row, columns, more, publishing }: Found): SourceFacts {
  const { source, schema, relation, rows, comment } = listing;
  const facts = publishing.tables.get(source);
  const uniqueKeys = facts?.uniqueKeys ?? [];
  const key = keyOf(row);
  const readable = new Set(
    row.columns.filter(({ select }) => row.privileges.select || select).map(({ name }) => name),
  );
  const request = { table: source, columns: [...readable], key, writes: false };
  const faults = faultsOf({ request, row, facts, publishing });
  return {
    source,
    schema,
    relation,
    rows,
    comment,
    columns: columns.map((column) => columnOf(column, { more, isReadable: readable.has(column.name) })),
    key,
    uniqueKeys,
    foreignKeys: foreignKeysOf(row.constraints),
    checks: row.constraints.filter(({ kind }) => kind === 'c'),
    faults,
    writeGrant: grantsIn(checkTable({ ...request, writes: true }, row, [])),
    rowSecurity: more?.rowSecurity ?? false,
    policies: more?.policies ?? [],
  };
}

const grantsIn = (faults: readonly Fault[]): string | null =>
  faults.flatMap(({ drift, remedy }) => (drift === 'write_denied' ? [remedy] : [])).join(' ') || null;

/** The primary key; without one, what the replica identity is. */
const keyOf = ({ primaryKey, identity, identityColumns }: TableRow): readonly string[] =>
  primaryKey.length === 0 && identity === 'i' ? identityColumns : primaryKey;

type Judged = {
  readonly request: TableRequest;
  readonly row: TableRow;
  readonly facts: TableFacts | undefined;
  readonly publishing: PublicationFacts;
};

/** As `apply` refuses a table. What both checks find is told once, by the one that knows more of it. */
function faultsOf({ request, row, facts, publishing }: Judged): readonly Fault[] {
  const { table, key } = request;
  const isTable = facts?.kind === 'r' || facts?.kind === 'p';
  if (isTable && key.length === 0) return [keyless(row, facts)];
  const on = { ...publishing, wanted: new Set<QualifiedName>() };
  const wanted: WantedTable = {
    name: table,
    identifiedBy: key,
    key,
    columns: key,
    readsMore: false,
    withoutHeirs: false,
  };
  const published = [...publishFaults(wanted, facts, on), ...visibilityFaults(wanted, facts, on)];
  return published.length > 0 ? published : checkTable(request, row, []);
}

/** `publishFaults` says what PostgreSQL needs; here a key has to be found that is not there. */
function keyless({ schema, relation, columns, identity }: TableRow, { uniqueKeys, kind }: TableFacts): Fault {
  const table = qualifiedName(schema, relation);
  const alter = `ALTER TABLE ${quoteQualified(table)}`;
  const identified = identity === 'n' ? ` ${alter} REPLICA IDENTITY DEFAULT;` : '';
  const unique = uniqueKeys[0]?.map(pg.escapeIdentifier).join(', ');
  const added = ['id', 'row_id', 'record_id'].find((name) => !columns.some((column) => column.name === name));
  const column = pg.escapeIdentifier(added ?? 'pgnotion_id');
  return {
    path: table,
    message: 'it has no primary key: nothing tells which page belongs to which row',
    remedy:
      unique !== undefined
        ? `${alter} ADD PRIMARY KEY (${unique});${identified}`
        : kind === 'p'
          ? 'give it a primary key, which has to contain the columns that it is partitioned by'
          : `${alter} ADD COLUMN ${column} bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;${identified}`,
  };
}

function columnOf(
  { name, shape, type, hasDefault, identity, generated, composite }: CatalogColumn,
  { more, isReadable }: { readonly more: More | undefined; readonly isReadable: boolean },
): ColumnFacts {
  const own = <T>(of: Readonly<Record<string, T>> | undefined): T | undefined =>
    of !== undefined && Object.hasOwn(of, name) ? of[name] : undefined;
  return {
    name,
    shape,
    type,
    composite,
    dimensions: own(more?.dimensions) ?? 0,
    hasDefault,
    computed: generated ? 'generated' : identity === null ? null : 'identity',
    readable: isReadable,
    comment: own(more?.comments) ?? null,
  };
}
