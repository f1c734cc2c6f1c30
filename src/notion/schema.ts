import type { Json } from '../model/change.ts';
import type { PropertyType } from '../model/codecs/codec.ts';
import type { Fault } from '../model/errors.ts';
import { type DataSourceId, dataSourceId, type TableName } from '../model/ids.ts';
import { markProperty, type ResolvedField, type ResolvedTable } from '../model/mapping.ts';
import type { NotionDataSource, SchemaProperty } from './answers.ts';

/** A property that the mapping needs. */
export type WantedProperty = {
  readonly property: string;
  readonly type: PropertyType;
  /** What to create it with; null if the API cannot create it, or not yet (`waitsFor`). */
  readonly schemaJson: Json | null;
  readonly relatedDataSource?: DataSourceId;
  /** For a relation: the table whose data source does not exist yet. */
  readonly waitsFor?: TableName;
};

/** How a data source differs from what the mapping needs. */
export type SchemaCheck = {
  /** Property ids by name, of those that are there with the right type. */
  readonly ids: Readonly<Record<string, string>>;
  /** Those that the API can add now. */
  readonly missing: readonly WantedProperty[];
  /** Relations that can be added once their target exists. */
  readonly waiting: readonly WantedProperty[];
  readonly missingOptions: readonly MissingOptions[];
  /** What only a person may change. Paths are property names. */
  readonly faults: readonly Fault[];
};

export type MissingOptions = {
  readonly property: string;
  readonly names: readonly string[];
  /** The update that adds them: it names every existing option by its id, because leaving one out removes it. */
  readonly schemaJson: Json;
};

/** What `apply` has to do for one table. Nothing is ever removed, renamed or given another type. */
export type DatabasePlan = {
  readonly title: string;
  /** Properties to create the database with; null if it exists. */
  readonly create: Readonly<Record<string, Json>> | null;
  /** Properties and options to add to what exists (or will, once created), in one request. */
  readonly update: Readonly<Record<string, Json>>;
  readonly ids: Readonly<Record<string, string>>;
  readonly waiting: readonly WantedProperty[];
  readonly faults: readonly Fault[];
};

/** The data sources that exist, by table. */
export type Sources = ReadonlyMap<TableName, DataSourceId>;

type Option = { readonly id?: string; readonly name: string; readonly color?: string };

/** The options of a schema entry, `{ select: { options: [...] } }`, in whatever state it is. */
function optionsOf(schema: unknown, type: string): readonly Option[] {
  const body = (schema as Record<string, { options?: unknown } | undefined> | null)?.[type];
  return Array.isArray(body?.options) ? body.options : [];
}

function addOptions(existing: readonly Option[], names: readonly string[], type: string): Json {
  const kept = existing.map(({ id, name, color }) => ({
    ...(id === undefined ? {} : { id }),
    name,
    ...(color === undefined ? {} : { color }),
  }));
  return { [type]: { options: [...kept, ...names.map((name) => ({ name }))] } };
}

/** Notion holds option names to be equal whatever their case, so another spelling can be neither added nor used. */
function compareOptions(found: SchemaProperty, wanted: WantedProperty) {
  const existing = optionsOf(found, wanted.type);
  const spellings = new Map(existing.map(({ name }) => [name.toLowerCase(), name]));
  const missing: string[] = [];
  const faults: Fault[] = [];
  for (const { name } of optionsOf(wanted.schemaJson, wanted.type)) {
    const spelling = spellings.get(name.toLowerCase());
    if (spelling === undefined) missing.push(name);
    else if (spelling !== name) {
      faults.push({
        path: wanted.property,
        message: `Notion spells the option ${JSON.stringify(name)} as ${JSON.stringify(spelling)}`,
        remedy: `Rename the option in Notion, or map the value to ${JSON.stringify(spelling)} in the field's values.`,
      });
    }
  }
  return { missing, faults, schemaJson: addOptions(existing, missing, wanted.type) };
}

function targetOf(found: SchemaProperty): DataSourceId | null {
  const target = (found.relation as { data_source_id?: unknown } | undefined)?.data_source_id;
  return typeof target === 'string' ? dataSourceId(target) : null;
}

function mistyped(found: SchemaProperty, wanted: WantedProperty): Fault | null {
  const path = wanted.property;
  if (found.type !== wanted.type) {
    return {
      path,
      message: `the property is a ${found.type}, the mapping says ${wanted.type}`,
      remedy: `Change its type in Notion (which may lose values), rename it there, or map it as ${found.type}.`,
    };
  }
  const target = wanted.type === 'relation' ? targetOf(found) : null;
  if (target === null || wanted.relatedDataSource === undefined || target === wanted.relatedDataSource) {
    return null;
  }
  return {
    path,
    message: `the relation points to the data source ${target}, not to ${wanted.relatedDataSource}`,
    remedy:
      'Rename it in Notion, so that pgnotion can add the right one, or map the field to another property.',
  };
}

function absent(wanted: WantedProperty, title: string | undefined): Fault | null {
  const path = wanted.property;
  if (wanted.type === 'title') {
    return {
      path,
      message: `the title property is called ${JSON.stringify(title ?? '')}`,
      remedy: `Rename it to ${JSON.stringify(path)} in Notion, or map the title to ${JSON.stringify(title ?? '')}.`,
    };
  }
  if (wanted.schemaJson !== null) return null;
  const remedy = `Add a property of the type ${wanted.type} with this name in Notion.`;
  return { path, message: `missing, and the API cannot create a ${wanted.type}`, remedy };
}

/** Compares a data source's properties with the wanted ones. Pure. */
export function checkDataSource(
  actual: Readonly<Record<string, SchemaProperty>>,
  wanted: readonly WantedProperty[],
): SchemaCheck {
  const title = Object.keys(actual).find((name) => actual[name]?.type === 'title');
  const ids: Record<string, string> = {};
  const missing: WantedProperty[] = [];
  const waiting: WantedProperty[] = [];
  const missingOptions: MissingOptions[] = [];
  const faults: Fault[] = [];
  for (const want of wanted) {
    const found = Object.hasOwn(actual, want.property) ? actual[want.property] : undefined;
    const fault = found ? mistyped(found, want) : want.waitsFor ? null : absent(want, title);
    if (fault) faults.push(fault);
    else if (found) {
      ids[want.property] = found.id;
      const options = compareOptions(found, want);
      faults.push(...options.faults);
      const { missing: names, schemaJson } = options;
      if (names.length > 0) missingOptions.push({ property: want.property, names, schemaJson });
    } else if (want.waitsFor) waiting.push(want);
    else missing.push(want);
  }
  return { ids, missing, waiting, missingOptions, faults };
}

function wantedField(field: ResolvedField, sources: Sources): WantedProperty {
  const { property, type, codec, shape, relatedTable } = field;
  if (relatedTable === undefined) return { property, type, schemaJson: codec.schema(shape, field) };
  const relatedDataSource = sources.get(relatedTable);
  if (relatedDataSource === undefined) return { property, type, schemaJson: null, waitsFor: relatedTable };
  const schemaJson = codec.schema(shape, { ...field, relatedDataSource });
  return { property, type, schemaJson, relatedDataSource };
}

/** All properties that a table needs in Notion: its fields, and pgnotion's own unless they are fields. */
export function wantedProperties(table: ResolvedTable, sources: Sources): readonly WantedProperty[] {
  const fields = table.fields.map((field) => wantedField(field, sources));
  const own: WantedProperty[] = [
    { property: table.idProperty, type: 'rich_text', schemaJson: { rich_text: {} } },
  ];
  if (table.lastSyncedProperty !== null) {
    own.push({ property: table.lastSyncedProperty, type: 'date', schemaJson: { date: {} } });
  }
  if (table.statusProperty !== null) {
    own.push({ property: table.statusProperty, type: 'rich_text', schemaJson: { rich_text: {} } });
  }
  const mark = markProperty(table);
  if (mark !== null) own.push({ property: mark, type: 'checkbox', schemaJson: { checkbox: {} } });
  return [...fields, ...own.filter(({ property }) => !fields.some((field) => field.property === property))];
}

const entries = (wanted: readonly WantedProperty[]): Record<string, Json> =>
  Object.fromEntries(
    wanted.flatMap(({ property, schemaJson }) => (schemaJson ? [[property, schemaJson]] : [])),
  );

function planCreate(table: ResolvedTable, wanted: readonly WantedProperty[]): DatabasePlan {
  const relations = wanted.filter(({ type }) => type === 'relation');
  const others = wanted.filter(({ type }) => type !== 'relation');
  // The title has no rival in a database that is yet to be made, whatever it is called.
  const faults = others
    .filter(({ schemaJson }) => schemaJson === null)
    .flatMap((want) => absent(want, undefined) ?? []);
  const titled = others.some(({ type }) => type === 'title');
  return {
    title: table.title,
    create: { ...(titled ? {} : { Name: { title: {} } }), ...entries(others) },
    update: entries(relations),
    ids: {},
    waiting: relations.filter(({ waitsFor }) => waitsFor !== undefined),
    faults,
  };
}

/**
 * What has to be done so that `table` has all that it needs in Notion. `actual` is its data source, null if there
 * is none; `sources` are those of all tables, as far as they exist. Relations come after the databases that they
 * join, since two tables may point to each other. Pure.
 */
export function planDatabase(
  table: ResolvedTable,
  actual: NotionDataSource | null,
  sources: Sources,
): DatabasePlan {
  const wanted = wantedProperties(table, sources);
  if (actual === null) return planCreate(table, wanted);
  const { ids, missing, waiting, missingOptions, faults } = checkDataSource(actual.properties, wanted);
  const options = missingOptions.map(({ property, schemaJson }) => [property, schemaJson] as const);
  const trashed: Fault = {
    path: table.name,
    message: `the data source ${JSON.stringify(actual.title)} is in the trash`,
    remedy: 'Restore it in Notion, or unset its id to have a new one made.',
  };
  return {
    title: table.title,
    create: null,
    update: { ...entries(missing), ...Object.fromEntries(options) },
    ids,
    waiting,
    faults: actual.inTrash ? [trashed, ...faults] : faults,
  };
}
