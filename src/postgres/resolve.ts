import { matchTypeFaults } from '../model/adoption.ts';
import type { ColumnShape } from '../model/codecs/codec.ts';
import { codecs } from '../model/codecs/registry.ts';
import { ruleOf } from '../model/conflict.ts';
import type { Fault } from '../model/errors.ts';
import { foreignReference } from '../model/foreign-reference.ts';
import type { QualifiedName, TableName } from '../model/ids.ts';
import {
  type ConflictStrategy,
  type FieldMapping,
  goesToPostgres,
  type ResolvedDependency,
  type ResolvedField,
  type ResolvedTable,
  softDeleteColumn,
  type TableMapping,
} from '../model/mapping.ts';
import { orderTables } from '../model/table-order.ts';
import {
  type CatalogColumn,
  type CatalogTable,
  describeExpressions,
  queryOf,
  readCatalog,
} from './catalog.ts';
import { foreignKeysOf } from './foreign-keys.ts';
import { faultsError, type Queryable } from './pool.ts';
import { queryFaults } from './query-checks.ts';
import { requestsOf } from './table-requests.ts';

/** Of an expression that the catalog cannot describe because it is the key's own text. */
const KEY_SHAPE: ColumnShape = {
  type: 'text',
  category: 'text',
  array: false,
  nullable: false,
  labels: [],
  maxLength: null,
  precision: null,
  scale: null,
};

/**
 * Joins the mapping with the catalog and asks each codec what speaks against its column. Throws PgnotionError with all
 * that is wrong of one kind at once: `catalog_mismatch`, `expression_invalid` or `mapping_refused`.
 */
export async function resolveTables(
  db: Queryable,
  mappings: readonly TableMapping[],
  strategy: ConflictStrategy = 'lww',
): Promise<readonly ResolvedTable[]> {
  return resolveRanked(db, mappings, {
    strategy,
    ranks: orderTables(mappings),
    all: mappings,
    tolerant: false,
    writes: 'needed',
  });
}

export type Ranked = {
  readonly strategy: ConflictStrategy;
  readonly ranks: ReadonlyMap<TableName, number>;
  /** All tables of the configuration: relations may point to any. */
  readonly all: readonly TableMapping[];
  /** Takes a table too whose fields a start would refuse to map: it is synced already, and has changed. */
  readonly tolerant: boolean;
  /** Whether a table that cannot be written to is refused; `noted`: its rows are read all the same. */
  readonly writes: 'needed' | 'noted';
};

/** As `resolveTables`, for some tables of a configuration. */
export async function resolveRanked(
  db: Queryable,
  mappings: readonly TableMapping[],
  { strategy, ranks, all, tolerant, writes }: Ranked,
): Promise<readonly ResolvedTable[]> {
  const catalog = await readCatalog(db, mappings.flatMap(requestsOf), writes);
  const faults: Fault[] = [];
  const tables: ResolvedTable[] = [];
  for (const mapping of mappings) {
    const rank = ranks.get(mapping.name) ?? 0;
    const plain = await resolveTable(db, mapping, catalog, { strategy, rank });
    const denied = catalog.get(mapping.source)?.denied ?? [];
    const { table, refused } = withReferences(denied.length > 0 ? { ...plain, denied } : plain, mapping, all);
    tables.push(table);
    faults.push(...refused);
    faults.push(...softDeleteFaults(mapping, catalog), ...computedFaults(mapping, catalog));
    faults.push(...matchTypeFaults(table));
    faults.push(...table.fields.flatMap((field) => faultsOf(table, field)));
    faults.push(...(await queryFaults(db, table)));
  }
  if (faults.length > 0 && !tolerant)
    throw faultsError('mapping_refused', 'the configuration cannot be carried out as it is:', faults);
  return tables;
}

/** The table with the columns by which its relations find their rows. */
function withReferences(
  table: ResolvedTable,
  mapping: TableMapping,
  all: readonly TableMapping[],
): { readonly table: ResolvedTable; readonly refused: readonly Fault[] } {
  const refused: Fault[] = [];
  const fields = table.fields.map((field): ResolvedField => {
    const reference = foreignReference(mapping, field, all, table.foreignKeys);
    if (reference.kind === 'refused') refused.push(reference.fault);
    return reference.kind === 'column' ? { ...field, relatedBy: reference.by } : field;
  });
  return { table: { ...table, fields }, refused };
}

type Catalog = ReadonlyMap<QualifiedName, CatalogTable>;

async function resolveTable(
  db: Queryable,
  mapping: TableMapping,
  catalog: Catalog,
  { rank, strategy }: { readonly rank: number; readonly strategy: ConflictStrategy },
): Promise<ResolvedTable> {
  const own = catalog.get(mapping.source);
  const query = queryOf(mapping);
  const shapes = await describeExpressions(
    db,
    { table: mapping.source, query },
    mapping.fields.flatMap(({ property, source }) =>
      source.kind === 'expression'
        ? [{ name: property, sql: source.sql }]
        : source.kind === 'column' && !own?.columns.has(source.column)
          ? [{ name: property, sql: `"${source.column.replaceAll('"', '""')}"` }]
          : [],
    ),
  );
  const columns = [...(own?.columns.values() ?? [])];
  return {
    ...mapping,
    query,
    rank,
    conflict: mapping.conflict ?? strategy,
    dependsOn: mapping.dependsOn.map((dependency) => resolveDependency(dependency, catalog)),
    fields: mapping.fields.map((field) => ({
      ...resolveField(field, own, shapes.get(field.property)),
      conflict: ruleOf(field, mapping.conflict, strategy),
    })),
    columnTypes: Object.fromEntries(columns.map((column) => [column.name, assignable(column.type)])),
    keyTypes: mapping.key.map((name) => assignable(own?.columns.get(name)?.type ?? 'text')),
    writableColumns: columns.filter(({ generated }) => !generated).map(({ name }) => name),
    replaced: own?.replaced ?? [],
    ...rulesOf(own),
  };
}

function rulesOf(
  own: CatalogTable | undefined,
): Pick<ResolvedTable, 'checks' | 'constraints' | 'foreignKeys'> {
  const rules = own?.constraints ?? [];
  const checks = rules.filter(({ kind }) => kind === 'c');
  const others = rules.filter(({ kind }) => kind !== 'c');
  return {
    checks: Object.fromEntries(
      checks.map(({ name, definition }) => [
        name,
        // Several columns may be of one domain, and its check has one name.
        {
          definition,
          columns: checks.filter((each) => each.name === name).flatMap(({ columns }) => columns),
        },
      ]),
    ),
    constraints: Object.fromEntries(others.map(({ name, columns }) => [name, columns])),
    foreignKeys: foreignKeysOf(rules),
  };
}

/** A soft deletion has to be written, and taken back when the page comes back. */
function softDeleteFaults(mapping: TableMapping, catalog: Catalog): Fault[] {
  const name = softDeleteColumn(mapping);
  const column = name === null ? undefined : catalog.get(mapping.source)?.columns.get(name);
  if (name === null || column === undefined) return [];
  const { type, array, nullable } = column.shape;
  const path = `tables.${mapping.name}.onNotionTrash.softDelete`;
  const remedy = 'name a nullable timestamptz, timestamp or date column, or a boolean one';
  const says = (message: string): Fault[] => [{ path, message: `${name} ${message}`, remedy }];
  if (array || !['timestamptz', 'timestamp', 'date', 'bool'].includes(type))
    return says(`is a ${column.type} column`);
  if (column.generated || mapping.key.includes(name)) return says('cannot be written');
  return type === 'bool' || nullable ? [] : says('is NOT NULL, so that a deletion could not be taken back');
}

function resolveField(
  field: FieldMapping,
  table: CatalogTable | undefined,
  described: ColumnShape | undefined,
): Omit<ResolvedField, 'conflict'> {
  const column = field.source.kind === 'column' ? table?.columns.get(field.source.column) : undefined;
  const required = column !== undefined && !column.shape.nullable && !fillsItself(column);
  const shape = column?.shape ?? described ?? KEY_SHAPE;
  const direction = onlyShown(field, column) ? 'to-notion' : field.direction;
  return { ...field, direction, codec: codecs[field.type], shape, required };
}

/** What PostgreSQL gives a column of this kind, nobody else can; null if a value may be given. */
function computedAs(column: CatalogColumn | undefined): string | null {
  if (column?.generated) return 'a generated column';
  return column?.identity === 'always' ? 'GENERATED ALWAYS AS IDENTITY' : null;
}

const onlyShown = (field: FieldMapping, column: CatalogColumn | undefined): boolean =>
  field.directionImplied === true &&
  codecs[field.type].writable &&
  goesToPostgres(field) &&
  computedAs(column) !== null;

/** A person's edit of such a field could only be refused. */
function computedFaults(mapping: TableMapping, catalog: Catalog): Fault[] {
  const columns = catalog.get(mapping.source)?.columns;
  return mapping.fields.flatMap((field) => {
    const column = field.source.kind === 'column' ? columns?.get(field.source.column) : undefined;
    const computed = computedAs(column);
    if (column === undefined || computed === null || !goesToPostgres(field) || onlyShown(field, column))
      return [];
    return [
      {
        path: `tables.${mapping.name}.fields.${field.property}.direction`,
        message: `${column.name} is ${computed}: PostgreSQL alone gives its value`,
        remedy: codecs[field.type].writable
          ? 'remove the direction, or set it to "to-notion"'
          : 'map another column, which takes what Notion computes',
      },
    ];
  });
}

function resolveDependency(
  { table, on }: TableMapping['dependsOn'][number],
  catalog: Catalog,
): ResolvedDependency {
  const columns = catalog.get(table)?.columns;
  return {
    table,
    columns: Object.entries(on).map(([from, to]) => ({ from, to, type: columns?.get(from)?.type ?? 'text' })),
  };
}

const fillsItself = (column: CatalogColumn | undefined): boolean =>
  column !== undefined && (column.hasDefault || column.identity !== null || column.generated);

/** A cast to `varchar(n)` cuts in silence where an assignment refuses: the length is left to the assignment. */
const assignable = (type: string): string =>
  type.replace(/^character varying\(\d+\)/, 'character varying').replace(/^character\(\d+\)/, 'bpchar');

function faultsOf(table: ResolvedTable, field: ResolvedField): readonly Fault[] {
  const path = `tables.${table.name}.fields.${field.property}`;
  const faults = field.codec.check(field.shape, field).map((fault) => ({ ...fault, path }));
  if (field.relatedTable !== undefined && field.type !== 'relation') {
    faults.push({
      path,
      message: 'names a related table, and is not a relation',
      remedy: 'set its type to relation',
    });
  }
  return faults;
}
