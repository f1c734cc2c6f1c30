import type { NotionProperty, PropertyType } from '../codecs/codec.ts';
import { codecs } from '../codecs/registry.ts';
import { members } from '../codecs/support.ts';
import type { TableName } from '../ids.ts';
import type { LeftOut, SourceFacts, SuggestedField, SuggestedTable, Suggestion } from './facts.ts';
import { ID_PROPERTY, LAST_SYNCED } from './fields.ts';
import { snakeOf } from './names.ts';
import { shownAs } from './property-type.ts';

/** A database that exists in Notion. */
export type ExistingDatabase = {
  /** What the variable of its table takes: the database's id, or that of one of its several data sources. */
  readonly id: string;
  readonly dataSource: string;
  readonly title: string;
  /** By name. */
  readonly properties: Readonly<Record<string, NotionProperty>>;
};

type Adopted = {
  readonly suggestion: Suggestion;
  /** Which table is which database. */
  readonly ties: readonly { readonly table: TableName; readonly id: string }[];
  /** What does not match, line by line. */
  readonly remarks: readonly string[];
};

/** One spelling for names that people take for the same: `order_lines`, `Order Lines`, `Order line`. */
const sameName = (name: string): string =>
  snakeOf(name)
    .replaceAll(/[^\p{L}\p{N}]/gu, '')
    .replace(/ies$/, 'y')
    .replace(/(?<!s)s$/, '');

/**
 * The suggestion with the names and types of databases that exist: tables are matched by name, columns by name and by what
 * the property's type can hold. A column whose property cannot hold it is left out, so that nothing there is changed.
 */
export function adoptDatabases(
  suggestion: Suggestion,
  sources: readonly SourceFacts[],
  databases: readonly ExistingDatabase[],
): Adopted {
  const { matched, remarks } = matchByName(suggestion.tables, sources, databases);
  const tables = suggestion.tables.map((table) => {
    const database = matched.get(table.name);
    const source = sourceOf(table, sources);
    if (database === undefined || source === undefined) return table;
    const adopted = adoptTable(table, { source, database, matched });
    remarks.push(...adopted.remarks.map((remark) => `${table.name}: ${remark}`));
    return adopted.table;
  });
  const ties = [...matched].map(([table, { id }]) => ({ table, id }));
  return { suggestion: { ...suggestion, tables }, ties, remarks };
}

type Matches = {
  readonly matched: ReadonlyMap<TableName, ExistingDatabase>;
  readonly remarks: string[];
};

/** First what is called the very same; then what people take for the same, if nothing else could be meant. */
function matchByName(
  tables: readonly SuggestedTable[],
  sources: readonly SourceFacts[],
  databases: readonly ExistingDatabase[],
): Matches {
  const remarks: string[] = [];
  const matched = new Map<TableName, ExistingDatabase>();
  for (const { name, title } of tables) {
    const [only, ...others] = databases.filter((database) => database.title === title);
    if (only !== undefined && others.length === 0) matched.set(name, only);
  }
  const taken = new Set([...matched.values()]);
  const open = tables.filter(({ name }) => !matched.has(name));
  const candidates = open.map((table) => {
    const names = new Set([table.name, table.title, sourceOf(table, sources)?.relation ?? ''].map(sameName));
    return databases.filter((database) => !taken.has(database) && names.has(sameName(database.title)));
  });
  for (const [at, { name }] of open.entries()) {
    const [only, ...others] = candidates[at] ?? [];
    const claims = candidates.filter((each) => only !== undefined && each.includes(only)).length;
    if (only === undefined) remarks.push(`${name}: no database is called so: \`apply\` makes one`);
    else if (others.length > 0 || claims > 1)
      remarks.push(
        `${name}: several tables or databases are called ${JSON.stringify(only.title)}: set the variable yourself`,
      );
    else matched.set(name, only);
  }
  const tied = new Set([...matched.values()]);
  for (const database of databases)
    if (!tied.has(database))
      remarks.push(`the database ${JSON.stringify(database.title)} has no table of its name`);
  return { matched, remarks };
}

const sourceOf = ({ source }: SuggestedTable, sources: readonly SourceFacts[]): SourceFacts | undefined =>
  sources.find((each) => each.source === source);

type Context = {
  readonly source: SourceFacts;
  readonly database: ExistingDatabase;
  readonly matched: ReadonlyMap<TableName, ExistingDatabase>;
};

function adoptTable(table: SuggestedTable, context: Context) {
  const properties = Object.entries(context.database.properties);
  const remarks: string[] = [];
  const leftOut: LeftOut[] = [];
  const used = new Set<string>([ID_PROPERTY, LAST_SYNCED]);
  const fields = withTitle(table.fields, context).map((field): SuggestedField | null => {
    const found = properties.find(
      ([name, { type }]) =>
        !used.has(name) &&
        (field.type === 'title' ? type === 'title' : type !== 'title' && isCalled(field, name)),
    );
    if (found === undefined) {
      remarks.push(`${field.property} has no property yet: \`apply\` adds it`);
      return field;
    }
    const [property, { type }] = found;
    used.add(property);
    const fitting = withTypeOf(field, found[1], context);
    if (fitting !== null) return { ...fitting, property };
    const reason = `the property ${property} is ${type}, which does not suit it`;
    remarks.push(`${field.column ?? field.property} is left out: ${reason}`);
    if (field.column !== null)
      leftOut.push({ column: field.column, type: columnType(context, field), reason });
    return null;
  });
  for (const [name, { type }] of properties)
    if (!used.has(name)) remarks.push(`the property ${name} (${type}) has no column, and stays as it is`);
  const kept = fields.filter((field) => field !== null);
  const title = context.database.title === '' ? table.title : context.database.title;
  return { table: { ...table, title, fields: kept, leftOut: [...table.leftOut, ...leftOut] }, remarks };
}

const columnType = ({ source }: Context, { column }: SuggestedField): string =>
  source.columns.find(({ name }) => name === column)?.type ?? '';

const isCalled = ({ property, column }: SuggestedField, name: string): boolean =>
  [property, column ?? property].map(sameName).includes(sameName(name));

/** The title is the property that the database has for one: the column that is called like it, else the one suggested. */
function withTitle(
  fields: readonly SuggestedField[],
  { source, database }: Context,
): readonly SuggestedField[] {
  const name = Object.entries(database.properties).find(([, { type }]) => type === 'title')?.[0] ?? '';
  const wanted = fields.find(
    (field) => field.column !== null && field.type !== 'relation' && isCalled(field, name),
  );
  if (wanted === undefined || wanted.type === 'title') return fields;
  return fields.flatMap((field) => {
    if (field === wanted) return { ...field, type: 'title' as const, choices: [], lossy: false };
    if (field.type !== 'title') return field;
    const column = source.columns.find((each) => each.name === field.column);
    const shown = column === undefined ? null : shownAs(column, source.checks);
    if (shown?.kind !== 'shown') return [];
    const { type, lossy, choices } = shown;
    return { ...field, type, lossy, choices };
  });
}

/** The field with the property's type, if that can hold the column; null otherwise. */
function withTypeOf(
  field: SuggestedField,
  property: NotionProperty,
  { source, matched }: Context,
): SuggestedField | null {
  const { type } = property;
  if (field.type === 'title' || (type === field.type && type !== 'relation')) return field;
  if (type === 'relation') {
    const target = field.relatedTable === null ? undefined : matched.get(field.relatedTable);
    const there = members(property.relation)?.data_source_id;
    const isThere =
      typeof there === 'string' && there.replaceAll('-', '') === target?.dataSource.replaceAll('-', '');
    return field.type === 'relation' && isThere ? field : null;
  }
  const column = source.columns.find(({ name }) => name === field.column);
  if (!isWritable(type) || column === undefined) return null;
  const fits = (lossy: boolean): boolean =>
    codecs[type].check(column.shape, { property: field.property, lossy }).length === 0;
  // People are found by their addresses, files by theirs: what a text holds nobody knows.
  if (type === 'people' || type === 'files' || !(fits(false) || fits(true))) return null;
  const lossy = type === 'number' && !fits(false);
  return { ...field, type, lossy, relatedTable: null, choices: type === 'select' ? field.choices : [] };
}

const isWritable = (type: string): type is PropertyType =>
  Object.hasOwn(codecs, type) && codecs[type as PropertyType].writable;
